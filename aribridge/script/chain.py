"""The scripts of the gateway, asked in the order of the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

from aribridge.core import trace
from aribridge.core.command import Command
from aribridge.core.instance import Instance
from aribridge.core.settings import ScriptSettings
from aribridge.obs.redact import redact_text
from aribridge.protocol.problems import Outcome, Problem
from aribridge.script.calls import Operation
from aribridge.script.clocks import REAL, Clocks
from aribridge.script.deeds import Deeds, watched
from aribridge.script.errors import HookResting, ScriptFailure
from aribridge.script.flows import Flows, Memory
from aribridge.script.generation import Generation
from aribridge.script.host import Asterisks, Client, Reply, SystemCommand
from aribridge.script.http import Http
from aribridge.script.kv import Kv
from aribridge.script.recording import Recorder, Tap, Tape
from aribridge.script.script import Script
from aribridge.script.stock import script_path
from aribridge.script.verdicts import command_verdict, event_verdict


class ScriptHost:
    """The Lua scripts in the path of commands, events and messages.

    A hook is asked of every script that defines it, in order; each script sees what the one before it returned.
    """

    def __init__(
        self,
        settings: ScriptSettings,
        asterisks: Asterisks,
        state: Path | None = None,
        clocks: Clocks = REAL,
        instance: Instance | None = None,
    ) -> None:
        """``state`` is the folder of ``bridge.kv``; without one, scripts have no store. ``instance`` is who names."""
        self._clocks = clocks
        self._settings = settings
        self._asterisks = asterisks
        self._http = Http(settings.http_allow)
        self._recorder = Recorder()
        self._kv = Kv(state, settings.kv_mb << 20, clocks.wall)
        memory = Memory(self._kv)
        self.flows = Flows(lambda: self._scripts.scripts, settings, asterisks, memory, instance or Instance.fresh())
        self._scripts = Generation([])
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def files(self) -> list[Path]:
        """The files that the present scripts were read from, modules included."""
        return self._scripts.files

    def load(self) -> list[Path]:
        """Load every script, for the first time or anew: all take their places at once, or none does.

        Returns the files that are new, or not what they were.

        What the scripts that were there before are doing comes to its end: hooks, tasks and call flows go on as they
        were written, timers fire no more.

        In the event loop, since scripts may start timers right away; outside of one only to see whether they load.
        Raises ScriptLoadError for a missing file, a syntax error, an error at top level.
        """
        fresh = Generation([self._script(script_path(file)) for file in self._settings.files])
        fresh.load()
        old, self._scripts = self._scripts, fresh
        if old.scripts:
            task = asyncio.get_running_loop().create_task(old.retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        return fresh.changed(old)

    def to_report(self) -> list[dict[str, Any]]:
        """How each present script fares, in their order."""
        return [script.to_report() for script in self._scripts.scripts]

    @contextmanager
    def record(self, script: str) -> Iterator[Tape]:
        """Record what goes between Asterisk and a script while this lasts. Raises Problem ``not_found``."""
        found = next((present for present in self._scripts.scripts if present.name == script), None)
        if found is None:
            names = ", ".join(present.name for present in self._scripts.scripts) or "none"
            raise Problem("not_found", f"No script is called {script}. There are: {names}.")
        tape = Tape(script, everything="on_event" in found.hooks, apart_from=self.flows.words(script))
        with self._recorder.run(tape):
            yield tape

    def end_recordings(self) -> None:
        """End what is being recorded."""
        self._recorder.end()

    def store(self, script: str) -> Mapping[str, Operation]:
        """``bridge.kv`` for a script besides these, by its name."""
        return self._kv.operations(script)

    def has(self, hook: str) -> bool:
        """Whether any script defines the hook; asking a hook that none defines is cheap, but this is cheaper."""
        return bool(self._scripts.defining(hook))

    async def on_command(
        self, client: Client, command: Command, decides: Callable[[str], None] = lambda script: None
    ) -> Command | SystemCommand | Reply:
        """What the scripts make of a client's command; the very same object when they change nothing.

        ``decides`` is told the name of each script that changes, answers or refuses it, or fails. Raises Problem:
        ``denied`` when one refuses it, ``script_error`` when one fails; its outcome is unknown where they may have
        carried it out by their own calls.
        """
        system = False
        with trace.run(), watched() as deeds, self._scripts.using("on_command") as scripts:
            for script in scripts:
                try:
                    verdict = await self._ask_command(script, client, command, deeds)
                except Problem:
                    decides(script.name)
                    raise
                if verdict is not command:
                    decides(script.name)
                if isinstance(verdict, Reply):
                    return verdict
                if isinstance(verdict, SystemCommand):
                    system, command = True, verdict.command
                elif verdict is not command:
                    system, command = False, verdict
        return SystemCommand(command) if system else command

    def on_event(self, target: str, event: dict[str, Any]) -> dict[str, Any] | None:
        """What the scripts make of an event; None when one drops it. A script that fails changes nothing."""
        self.flows.event(target, event)
        self._recorder.event(target, event)
        for script in self._scripts.defining("on_event"):
            try:
                with script.tally.run("on_event"):
                    verdict = event_verdict(script.run_at_once("on_event", event, target), event)
            except ScriptFailure as failure:
                script.report("on_event", failure)
                continue
            if verdict is None:
                return None
            event = verdict
        return event

    async def on_message(self, client: Client, data: Any) -> Any:
        """The answer of the first script that has one, None when none has; JSON.

        Raises Problem: ``no_handler`` when no script takes messages, ``script_error`` when one fails; its outcome is
        ``not_applied`` where no script has had the message.
        """
        if not self.has("on_message"):
            raise Problem("no_handler", "no script of this gateway defines on_message")
        refused: Outcome = "not_applied"
        with trace.run(), self._scripts.using("on_message") as scripts:
            for script in scripts:
                try:
                    with script.tally.run("on_message"):
                        value = await script.run_for(client, "on_message", data)
                except HookResting as failure:
                    raise _problem(script, "on_message", failure, refused) from None
                except ScriptFailure as failure:
                    raise _problem(script, "on_message", failure, "unknown") from None
                refused = "unknown"
                if value != "nothing":
                    return value[1]
        return None

    async def on_connect(self, client: Client) -> None:
        """Tell the scripts of a new connection."""
        await self._tell("on_connect", client)

    async def on_disconnect(self, client: Client, reason: str) -> None:
        """Tell the scripts that a connection is gone."""
        await self._tell("on_disconnect", client, reason)

    async def close(self) -> None:
        """End call flows, timers and running hooks; return when all have ended."""
        await self.flows.close()
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self._scripts.close()
        await self._http.close()
        await self._kv.close()

    def _script(self, path: Path) -> Script:
        operations = {"flow": self.flows.serve, **self._http.operations, **self._kv.operations(path.name)}
        tap = Tap(self._asterisks, path.name, self._recorder)
        return Script(path, self._settings, tap, operations, self._clocks)

    async def _ask_command(
        self, script: Script, client: Client, command: Command, deeds: Deeds
    ) -> Command | SystemCommand | Reply:
        fields = {"op": command.op, "params": command.params, "target": command.target}
        try:
            with script.tally.run("on_command"):
                return command_verdict(await script.run_for(client, "on_command", fields), command)
        except ScriptFailure as failure:
            raise _problem(script, "on_command", failure, deeds.outcome) from None

    async def _tell(self, hook: str, client: Client, *more: str) -> None:
        with trace.run(), self._scripts.using(hook) as scripts:
            for script in scripts:
                try:
                    with script.tally.run(hook):
                        await script.run_for(client, hook, *more)
                except ScriptFailure as failure:
                    script.report(hook, failure)


def _problem(script: Script, hook: str, failure: ScriptFailure, outcome: Outcome) -> Problem:
    """The failure as the client sees it: its text may have what the script was about to send elsewhere."""
    script.report(hook, failure)
    detail = redact_text(str(failure))
    if isinstance(failure, HookResting):
        after_ms = ceil(failure.after_seconds * 1000)
        return Problem("script_error", detail, source="script", retry="after", after_ms=after_ms, outcome=outcome)
    return Problem("script_error", detail, source="script", outcome=outcome)
