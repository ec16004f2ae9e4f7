"""One call flow: a run of ``on_call`` or ``on_resume`` that owns a phone call until the call has left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Literal

import structlog

from aribridge.core.command import Command
from aribridge.core.trace_text import channels_in
from aribridge.protocol.problems import Problem
from aribridge.script.errors import CallFailure, ScriptFailure
from aribridge.script.flows.dialplan import attempt, fall_back
from aribridge.script.flows.hearers import Hearers
from aribridge.script.flows.ledger import Ledger
from aribridge.script.flows.mailbox import Mailbox
from aribridge.script.flows.memory import Memory, Record
from aribridge.script.flows.patience import Again
from aribridge.script.host import Asterisks
from aribridge.script.script import Script

log = structlog.get_logger("aribridge.script")

_NEWS_SECONDS = 5.0
"""How long the event of a channel's end may take after Asterisk has said that there is no such channel."""
Gone = Literal["hangup", "cancelled"]
_OUTCOMES = {"continue": "continued", "keep": "kept", "hangup": "hung up"}


class Flow:
    """``id`` is known to the script's side alone; ``channel`` is the caller's, and changes when it is replaced.

    ``listens_to`` are the types of events that the script asked for, besides those that verbs wait for.
    ``hung_up_by`` is who ended the call, as far as known: ``caller``, ``script``, ``client``, ``gateway``.
    ``sent_on``: somebody else had it go on in the dialplan.
    ``memory`` is told of everything that the next run of the gateway has to know. ``again`` is
    asked whether to try again what Asterisk could not be asked for at the flow's end. ``hearers`` has the channels
    whose events are the flow's.
    """

    def __init__(
        self,
        ident: str,
        script: Script,
        record: Record,
        channel: Mapping[str, Any],
        asterisks: Asterisks,
        memory: Memory,
        on_failure: str,
        again: Again,
        hearers: Hearers[Flow],
    ) -> None:
        self.id = ident
        self.target = record.target
        self.channel = record.channel
        self._hearers = hearers
        self.script = script
        self.suspended = False
        self.mailbox = Mailbox()
        self.listens_to: set[str] = set()
        self.hung_up_by = ""
        self.sent_on = False
        self._about = channel
        self._asterisks = asterisks
        self._on_failure = on_failure
        self._again = again
        self._args = record.args
        self._memory = memory
        self._has_saved = record.saved is not None
        self._ledger = Ledger(self._send, record.made, again, self._watch)
        self._clock = asyncio.get_running_loop().time
        self._gone: asyncio.Future[Gone] = asyncio.get_running_loop().create_future()
        self._run = script.open_flow()
        self._scripting: asyncio.Task[ScriptFailure | None] | None = None
        self._sending: set[asyncio.Task[Any]] = set()
        self._ending = ""
        self._has_left = False
        self._over = False
        self._transferring = False
        self._left: Gone | None = None
        self._where: str | None = None
        for heard in self.channels():
            hearers.add(self, self.target, heard)

    # --- what the gateway tells

    def leave(self, why: Gone) -> None:
        """The call is gone, or the gateway stops: the script learns it at the wait it is in, or at the next."""
        if self._ending:
            self._left = why  # as the script wished, unless Asterisk refuses it yet
        elif not self._gone.done():
            self._gone.set_result(why)
            self._run.cancel(why)
            self.mailbox.wake()

    def give_way(self) -> None:
        """The call has left and come back: it is another flow's now, its music too."""
        self._ledger.drop("moh", self.channel)
        self.leave("hangup")

    def take(self, channel: str) -> None:
        """The caller has another channel from here on."""
        before, self.channel = self.channel, channel
        self._watch(before, False)
        self._watch(channel, True)

    def leave_hearing(self) -> None:
        """The flow is over, and no event is its any more."""
        for channel in self.channels():
            self._hearers.remove(self, self.target, channel)

    @property
    def resumable(self) -> bool:
        """Whether the gateway's next run can go on with it."""
        return self._has_saved or "on_resume" in self.script.hooks

    def suspend(self) -> None:
        """The gateway stops: end the script without a word, and leave the call as it is for the gateway's next run."""
        if self._ending or self._gone.done() or self._scripting is None:
            self.leave("cancelled")
        else:
            self._scripting.cancel()

    def note(self) -> None:
        """Write down what the gateway's next run has to know, as it is now."""
        self._memory.note(self.id, self.record())

    def record(self) -> Record:
        """The flow as it is now, apart from what the script saved."""
        return Record(self.target, self.channel, self.script.name, self._args, self._ledger.entries())

    async def look(self) -> None:
        """See whether the call is still there, after events may have been missed."""
        try:
            await self._send("channels.get", {"channelId": self.channel})
        except Problem as problem:
            if problem.status == 404:
                self.leave("hangup")

    def channels(self) -> list[str]:
        """The channels whose events are the flow's: the caller's and those of its legs."""
        return [self.channel, *self._ledger.channels()]

    # --- what the script asks for, by the verbs of lua/flow

    async def serve(self, verb: str, *arguments: Any) -> Any:
        """Carry out one wish of the script's side. Raises Problem, CallFailure when the script is done."""
        self._check_not_over()
        match verb, *arguments:
            case "pump", seconds, seen:
                return await self._pump(seconds, seen)
            case "call", op, params, kind, ident:
                return await self._make(op, params, kind, ident)
            case "drop", kind, ident:
                self._ledger.drop(kind, ident)
            case "end", ending, where, op, params:
                await self._end(ending, where, op, params)
            case "save", value:
                await self._memory.save(self.id, value)
                self._has_saved = True
            case "transferring", is_so:
                self._transferring = is_so
            case "listen", kind:
                self.listens_to.add(kind)
            case "post", message:
                self.mailbox.put({"type": "aribridge.post", "message": message})
        return None

    async def _pump(self, seconds: float | None, seen: int) -> dict[str, Any]:
        """What happened after number ``seen``; ``gone``, ``ended``: why the script has the call no more."""
        events = [] if self._gone.done() else await self.mailbox.take(seen, seconds)
        if self._gone.done():
            return {"gone": self._gone.result()}
        if self._has_left:
            return {"ended": self._ending}
        self._check_not_over()
        for event in events:
            self._follow(event)
        return {"now": self._clock(), "events": events, "last": self.mailbox.last}

    def _watch(self, channel: str, is_there: bool) -> None:
        if is_there:
            self._hearers.add(self, self.target, channel)
        elif channel not in self.channels():
            self._hearers.remove(self, self.target, channel)

    def _check_not_over(self) -> None:
        """Tasks that a script started may go on after it."""
        if self._over:
            raise CallFailure("no_such_call", "the flow of this call is over")

    def _follow(self, event: Mapping[str, Any]) -> None:
        if event["type"] == "ChannelDestroyed":
            self._ledger.drop("channel", event["channel"]["id"])

    async def _make(self, op: str, params: dict[str, Any], kind: str | None, ident: str | None) -> Any:
        if kind and ident:
            self._ledger.add(kind, ident)
            self.note()
        try:
            return await self._finish(self._send(op, params))
        except Problem as problem:
            if kind and ident and problem.outcome == "not_applied":
                self._ledger.drop(kind, ident)
            if problem.source == "asterisk" and self.channel in channels_in(Command(self.target, op, params)):
                await self._await_news()
            raise

    async def _await_news(self) -> None:
        """A refusal may be ahead of the event that explains it: the caller has hung up. The script is to learn that."""
        try:
            await self._send("channels.get", {"channelId": self.channel})
        except Problem:
            await asyncio.wait([self._gone], timeout=_NEWS_SECONDS)

    async def _end(self, ending: str, where: str | None, op: str | None, params: dict[str, Any]) -> None:
        self._ending, self._where = ending, where
        try:
            if op is not None:
                await self._finish(self._send(op, params))
        except Problem:
            self._ending, self._where = "", None
            if self._left:
                self.leave(self._left)
            await self._await_news()
            raise
        self._has_left = True
        self.mailbox.wake()

    async def _finish(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Send to the end, even if the script no longer waits for it: what is half made cannot be removed."""
        task = asyncio.ensure_future(work)
        self._sending.add(task)
        task.add_done_callback(self._sent)
        return await asyncio.shield(task)

    def _sent(self, task: asyncio.Task[Any]) -> None:
        self._sending.discard(task)
        if not task.cancelled():
            task.exception()  # the script that it was for may be gone

    async def _send(self, op: str, params: Mapping[str, Any]) -> Any:
        return await self._asterisks.call(self.target, op, params)

    # --- the run

    async def run(self, hook: str, *arguments: Any) -> None:
        """Run the script until it is done with the call, clean up, and see to it that the call is not left alone."""
        started = self._clock()
        self._scripting = asyncio.create_task(self._run_script(hook, arguments))
        await asyncio.wait([self._scripting])
        self._over = True
        self.mailbox.wake()
        if self._sending:
            await asyncio.wait(self._sending)
        if self._scripting.cancelled():
            self.suspended = True
            log.info("flow.suspended", script=self.script.name, target=self.target, channel=self.channel)
            return
        failure = self._scripting.result()
        if self._ending != "keep":
            await self._ledger.remove_all()
        outcome = await self._settle(failure)
        caller = self._about.get("caller") or {}
        log.info(
            "flow.ended",
            script=self.script.name,
            target=self.target,
            channel=self.channel,
            caller=caller.get("number", ""),
            exten=(self._about.get("dialplan") or {}).get("exten", ""),
            seconds=round(self._clock() - started, 1),
            outcome=outcome,
            where=self._where or (failure.where if failure else None),
            hung_up_by=self.hung_up_by,
        )

    async def _run_script(self, hook: str, arguments: tuple[Any, ...]) -> ScriptFailure | None:
        """Run the hook; its failure, unless it is the end of the call, which the script was told of."""
        try:
            end = await self.script.run_flow(self._run, hook, self.id, *arguments)
            self._where = self._where or end
        except ScriptFailure as failure:
            if failure.code in {"hangup", "cancelled", "ended"} and (self._gone.done() or self._ending):
                self._where = self._where or failure.where
                return None
            self.script.report(hook, failure)
            return failure
        return None

    # --- after it

    async def _settle(self, failure: ScriptFailure | None) -> str:
        """What becomes of the call, unless the script or the caller has settled that; the outcome for the log."""
        if self._ending:
            self.hung_up_by = "script" if self._ending == "hangup" else ""
            return _OUTCOMES[self._ending]
        if self._gone.done() and self._gone.result() == "hangup":
            if self._transferring:
                return "transferred"
            if self.sent_on:
                return "continued"
            self.hung_up_by = self.hung_up_by or "caller"
            return "hung up"
        if failure is None and not self._gone.done():
            self.hung_up_by = "script"
            await attempt(self._asterisks, self.target, "channels.hangup", self._again, channelId=self.channel)
            return "hung up"
        result = "budget" if failure and failure.ran_out else "error"
        if self._on_failure == "hangup":
            self.hung_up_by = "gateway"
        await fall_back(self._asterisks, self.target, self.channel, result, self._on_failure, self._again)
        return result
