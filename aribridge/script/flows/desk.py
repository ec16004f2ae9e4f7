"""Who owns a call: takes the calls that arrive to the scripts that want them, and hands each flow its events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
import structlog

from aribridge.core.command import Command
from aribridge.core.events import labels_of
from aribridge.core.instance import Instance
from aribridge.core.settings import ScriptSettings
from aribridge.script.errors import CallFailure, ScriptFailure
from aribridge.script.flows.dialplan import fall_back
from aribridge.script.flows.earlier import Earlier, who_talks
from aribridge.script.flows.flow import Flow
from aribridge.script.flows.hearers import Hearers
from aribridge.script.flows.made import Made
from aribridge.script.flows.mailbox import GAP
from aribridge.script.flows.memory import Memory, Record
from aribridge.script.flows.patience import Patience
from aribridge.script.flows.unhandled import Unhandled
from aribridge.script.host import Asterisks
from aribridge.script.script import Script

log = structlog.get_logger("aribridge.script")

_NOISE = frozenset({"ChannelVarset", "ChannelDialplan", "ChannelCreated", "ChannelConnectedLine", "ChannelCallerId"})
"""Events that no verb of a call waits for: they go to flows that ask for them alone."""

_ENDS = frozenset({"channels.hangup", "channels.continueInDialplan"})

_COMINGS_AND_GOINGS = frozenset({"StasisStart", "StasisEnd", "ChannelDestroyed"})

_GRACE_SECONDS = 3.0
"""What clients have to come back and see to a call that was there when the gateway started."""


class Flows:
    """The calls that scripts own. ``scripts`` are the present ones, in the order of the configuration.

    Without a script that defines ``on_call`` clients own every call, and nothing happens here.
    """

    def __init__(
        self,
        scripts: Callable[[], Sequence[Script]],
        settings: ScriptSettings,
        asterisks: Asterisks,
        memory: Memory,
        instance: Instance,
    ) -> None:
        self._scripts = scripts
        self._asterisks = asterisks
        self._memory = memory
        self._on_failure = settings.on_failure
        self._instance = instance
        self._made = Made(instance)
        self._unhandled = Unhandled(settings.unhandled_after, self._give_up)
        self._patience: defaultdict[str, Patience] = defaultdict(Patience)
        self._flows: dict[str, Flow] = {}
        self._hearers: Hearers[Flow] = Hearers()
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._earlier = Earlier(asterisks, memory, settings.on_failure, self._resume, self._leave)
        self._closing = False
        self._kept: frozenset[str] = frozenset()

    # --- commands on their way to Asterisk

    def outgoing(self, command: Command, *, by: Literal["client", "script"], flow: bool = False) -> Command:
        """Note what a command means to the ownership of calls; the command, with an id for the channel that it makes.

        ``flow``: the channel is to be taken to ``on_call``, as one that Asterisk sent would be.
        """
        if not any(self._takers()):
            return command
        self._unhandled.touched(command)
        self._note_end(command, by)
        command = self._made.name(command)
        if not flow:
            self._made.add(command)
        return command

    def words(self, script: str) -> set[str]:
        """What the calls that a script owns now are named by: ids of flows and of their channels."""
        flows = [flow for flow in self._flows.values() if flow.script.name == script]
        return {word for flow in flows for word in (flow.id, *flow.channels())}

    def refused(self, command: Command) -> None:
        """Asterisk did not carry the command out."""
        self._made.drop(command)
        self._note_end(command, "")

    # --- events on their way from Asterisk

    def event(self, target: str, event: Mapping[str, Any]) -> None:
        """Take one event, in Asterisk's order, before scripts' hooks and clients see it."""
        kind = event.get("type")
        if kind in _COMINGS_AND_GOINGS:
            self._came_or_went(target, kind, event)
        if self._flows:
            self._route(target, event)
        if self._earlier.parted(target, event):
            self._start(self._earlier.settle(target))

    def _came_or_went(self, target: str, kind: str, event: Mapping[str, Any]) -> None:
        match event:
            case {"channel": {"id": str(channel)}} if kind == "StasisStart":
                self._arrived(target, channel, event)
            case {"channel": {"id": str(channel)}}:
                self._left(target, channel, kind)

    def _arrived(self, target: str, channel: str, event: Mapping[str, Any]) -> None:
        self._earlier.came(target, channel)
        if isinstance(replaced := event.get("replace_channel"), dict):
            self._replace(target, replaced.get("id"), channel)
        elif (target, channel) not in self._made and any(self._takers()):
            self._offer(target, channel, event)

    def _offer(self, target: str, channel: str, event: Mapping[str, Any]) -> None:
        about = _about(target, event)
        script = self._owner(about)
        for flow in self._of_caller(target, channel):
            flow.give_way()
        if self._closing:
            self._put_off(target, channel, script, about["args"])
            return
        if script is None:
            self._unhandled.watch(target, channel)
            return
        self._unhandled.forget(target, channel)
        flow = self._open(script, Record(target, channel, script.name, about["args"]), event["channel"])
        flow.note()
        self._begin(flow, "on_call", about)

    def _put_off(self, target: str, channel: str, script: Script | None, args: list[str]) -> None:
        """A call comes while the gateway stops: its next run takes it, or the dialplan does if that may be far."""
        if script is not None and target in self._kept:
            self._memory.note(self._instance.fresh_flow(), Record(target, channel, script.name, args, begun=False))
        elif script is not None:
            self._give_up(target, channel)

    def _open(self, script: Script, record: Record, channel: Mapping[str, Any]) -> Flow:
        ident = self._instance.fresh_flow()
        again = self._patience[record.target].again
        asterisks, memory = script.asterisks, self._memory
        flow = Flow(ident, script, record, channel, asterisks, memory, self._on_failure, again, self._hearers)
        self._flows[flow.id] = flow
        asterisks.own(flow.target, flow.channel, script.name)
        log.info("flow.started", script=script.name, target=flow.target, channel=flow.channel)
        return flow

    def _owner(self, about: dict[str, Any]) -> Script | None:
        """The script that the dialplan names, else the first that accepts the call."""
        takers = list(self._takers())
        named = [script for script in takers if about["args"] and script.name == f"{about['args'][0]}.lua"]
        return named[0] if named else next((script for script in takers if _accepts(script, about)), None)

    def _takers(self) -> Iterator[Script]:
        return (script for script in self._scripts() if "on_call" in script.hooks)

    def _left(self, target: str, channel: str, kind: str) -> None:
        self._unhandled.forget(target, channel)
        self._earlier.went(target, channel)
        if kind == "ChannelDestroyed":
            self._made.forget(target, channel)
        for flow in self._of_caller(target, channel):
            flow.leave("hangup")

    def _replace(self, target: str, replaced: Any, channel: str) -> None:
        for flow in self._of_caller(target, replaced):
            self._asterisks.own(target, flow.channel, None)
            flow.script.asterisks.own(target, channel, flow.script.name)
            flow.take(channel)
            flow.note()

    def _of_caller(self, target: str, channel: Any) -> list[Flow]:
        known = (channel,) if isinstance(channel, str) else ()
        return [flow for flow in self._hearers.of(target, known) if flow.channel == channel]

    def _route(self, target: str, event: Mapping[str, Any]) -> None:
        kind = event.get("type")
        for flow in self._hearers.of(target, labels_of(event).channel):
            if kind not in _NOISE or kind in flow.listens_to:
                flow.mailbox.put(dict(event))

    def _note_end(self, command: Command, by: str) -> None:
        """Note who ends a call, if a command does; nobody after all where ``by`` is empty."""
        if command.op not in _ENDS:
            return
        for flow in self._of_caller(command.target, command.params.get("channelId")):
            if command.op == "channels.hangup":
                flow.hung_up_by = by
            else:
                flow.sent_on = bool(by)

    def resync(self, target: str, app: str) -> None:
        """Events of this Asterisk may have been missed: let every flow look at the state of its call.

        The first time, go on with what flows of the gateway's last run left in the application.
        """
        for flow in self._flows.values():
            if flow.target == target:
                flow.mailbox.put(GAP)
                self._start(flow.look())
        if any(self._takers()):
            self._start(self._earlier.find(target, app, self._memory.left(target), frozenset(self._flows)))
        else:
            self._earlier.leave_be(target)

    def stand_by(self, target: str) -> None:
        """Another gateway has this Asterisk's calls now: leave them alone, and go on with what is left at a resync."""
        self._unhandled.forget_all(target)
        self._earlier.forget(target)
        self._patience.pop(target, Patience()).end()
        for flow in self._flows.values():
            if flow.target == target:
                flow.suspend()

    def owns(self, target: str, ident: str) -> bool:
        """Whether a flow has what carries this id, now or when its call is gone on with."""
        flows = [*self._earlier.left(target), *(flow.id for flow in self._flows.values())]
        return any(ident.startswith(f"{flow}-") for flow in flows)

    def _resume(self, old: str, record: Record, channel: Mapping[str, Any]) -> bool:
        """Go on with the call of a flow of the gateway's last run, if its script can."""
        hook = "on_resume" if record.begun else "on_call"
        able = (script for script in self._scripts() if script.name == record.script and hook in script.hooks)
        script = next(able, None)
        if script is None or self._closing:
            return False
        music = [(kind, ident) for kind, ident in record.made if kind == "moh"]
        saved = (record.saved,) if record.begun else ()
        record = msgspec.structs.replace(record, made=music, begun=True)
        flow = self._open(script, record, channel)
        self._memory.pass_on(old, flow.id, record)
        about = _about(record.target, {"channel": channel, "args": record.args})
        self._begin(flow, hook, about, *saved)
        self._start(flow.look())
        return True

    def _leave(self, target: str, channel: str) -> None:
        """A call was there when the gateway started, and no flow is known that owned it: leave it to clients."""
        if (target, channel) not in self._made and not self._of_caller(target, channel):
            self._unhandled.watch(target, channel, _GRACE_SECONDS)

    # --- what scripts wait for

    async def serve(self, flow_id: str, verb: str, *arguments: Any) -> Any:
        """Carry out a wish of a flow's script. Raises Problem, CallFailure."""
        flow = self._flows.get(flow_id)
        if flow is None:
            raise CallFailure("no_such_call", "the flow of this call is over")
        return await flow.serve(verb, *arguments)

    # --- life

    async def finish(self, seconds: float, kept: Collection[str] = ()) -> None:
        """Take no more calls, and let the flows that could not be resumed come to an end, for at most so many seconds.

        ``kept`` are the Asterisks whose events the gateway's next run gets: it takes the calls that come from here on.
        """
        self._closing, self._kept = True, frozenset(kept)
        self._unhandled.close()
        talking = await self._talking()
        runs = [self._runs[ident] for ident, flow in self._flows.items() if not _is_left(flow, talking)]
        if runs:
            await asyncio.wait(runs, timeout=seconds)

    async def close(self) -> None:
        """End all flows.

        Who can be resumed, and who talks to another party, is left as is for the gateway's next run; the scripts of
        others are told, and have five seconds.
        """
        self._closing = True
        self._unhandled.close()
        for patience in self._patience.values():
            patience.end()
        talking = await self._talking()
        for flow in self._flows.values():
            if _is_left(flow, talking):
                flow.suspend()
            else:
                flow.leave("cancelled")
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _talking(self) -> dict[str, set[str]]:
        targets = {flow.target for flow in self._flows.values()}
        return {target: await who_talks(self._asterisks, target) for target in targets}

    def _begin(self, flow: Flow, hook: str, *arguments: Any) -> None:
        self._runs[flow.id] = self._start(self._run(flow, hook, *arguments))

    async def _run(self, flow: Flow, hook: str, *arguments: Any) -> None:
        try:
            await flow.run(hook, *arguments)
        except Exception:
            log.exception("flow.failed", script=flow.script.name, channel=flow.channel)
        finally:
            del self._flows[flow.id], self._runs[flow.id]
            flow.leave_hearing()
            if not self._of_caller(flow.target, flow.channel):  # the dialplan may have sent the call back already
                self._asterisks.own(flow.target, flow.channel, None)
            if not flow.suspended:
                self._memory.forget(flow.id)

    def _give_up(self, target: str, channel: str) -> None:
        if not any(self._takers()):
            return  # since a reload clients own every call
        log.warning("flow.unhandled", target=target, channel=channel)
        again = self._patience[target].again
        self._start(fall_back(self._asterisks, target, channel, "unhandled", "continue", again))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_left(flow: Flow, talking: Mapping[str, Collection[str]]) -> bool:
    """Whether a stop of the gateway leaves the call as it is: it can be resumed, or two parties talk."""
    return flow.resumable or flow.channel in talking.get(flow.target, ())


def _accepts(script: Script, about: dict[str, Any]) -> bool:
    if "accepts" not in script.hooks:
        return True
    try:
        with script.tally.run("accepts"):
            return bool(script.run_at_once("accepts", about))
    except ScriptFailure as failure:
        script.report("accepts", failure)
        return False


def _about(target: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """What a script is told of a call that arrives."""
    channel = event["channel"]
    dialplan = channel.get("dialplan") or {}
    return {
        "id": channel["id"],
        "target": target,
        "name": channel.get("name"),
        "state": channel.get("state"),
        "language": channel.get("language"),
        "caller": channel.get("caller") or {},
        "exten": dialplan.get("exten"),
        "context": dialplan.get("context"),
        "args": event.get("args") or [],
    }
