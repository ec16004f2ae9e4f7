"""One script: its file, its interpreter, the runs of its hooks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from aribridge.core.settings import ScriptSettings
from aribridge.protocol.problems import Problem
from aribridge.script.brake import Brake
from aribridge.script.calls import AriCalls, Calls, Operation, local_time, sleep
from aribridge.script.clients import Clients
from aribridge.script.clocks import Clocks
from aribridge.script.errors import ScriptFailure, ScriptLoadError
from aribridge.script.failures import FailureLog
from aribridge.script.files import Sources, module_file
from aribridge.script.host import Asterisks, Client
from aribridge.script.outbox import Outbox
from aribridge.script.pace import Pace
from aribridge.script.report import report
from aribridge.script.runs import CLEAN_UP_SECONDS, Run, Runs
from aribridge.script.runtime import Runtime, Step
from aribridge.script.tally import Tally
from aribridge.script.tasks import Tasks
from aribridge.script.timers import Timers
from aribridge.script.values import ValueNotJsonError

RETIREMENT_SECONDS = 60.0
"""What tasks of a script have for their end after a reload."""


class Script:
    """A Lua script in an interpreter of its own.

    Of its own, so that globals, memory, CPU time and whatever it spoils are its affair alone, and so that dropping the
    interpreter drops all of it.
    """

    def __init__(
        self,
        path: Path,
        settings: ScriptSettings,
        asterisks: Asterisks,
        operations: Mapping[str, Operation],
        clocks: Clocks,
    ) -> None:
        """``operations`` are those that scripts may wait for, besides ARI and their own tasks."""
        self.name = path.name
        self.asterisks = asterisks
        self.hooks: frozenset[str] = frozenset()
        self.sources = Sources()
        self._path = path
        self._failures = FailureLog(str(path), clocks.errors)
        self.tally = Tally(path.name)
        self._brake = Brake(clocks.errors)
        self._clients = Clients()
        self._timers = Timers(self._run_timer)
        self._tasks = Tasks(self._open_unlimited, self._run_task, self.report)
        self._runtime = Runtime(
            memory_bytes=settings.memory_mb << 20,
            budget_seconds=settings.budget_ms / 1000,
            outbox=Outbox(str(path), self._clients, self._timers, self._tasks, asterisks).handle,
            wall=clocks.wall,
        )
        ari = AriCalls(asterisks).operations
        time = partial(local_time, wall=clocks.wall)
        calls = Calls({**ari, **operations, "sleep": sleep, "time": time, "join": self._tasks.join})
        self._order = Pace(clocks.work, rest=0.0)
        self._runs = Runs(self._runtime, calls, self._order.turn)
        self._flows = Runs(self._runtime, calls, self._order.turn)
        self._pace = Pace(clocks.work, rest=1.0)
        self._background = Runs(self._runtime, calls, self._pace.turn)
        self._hook_seconds = settings.hook_seconds

    def load(self) -> None:
        """Run the main chunk and find the hooks. Raises ScriptLoadError."""
        source = self.sources.read(self._path)
        try:
            step = self._runtime.start("load", source, self.name)
            while step.state == "wait":
                _require, module = step.value
                step = self._runtime.resume(step.number, *self._find(module))
        except ScriptFailure as failure:
            raise ScriptLoadError(str(self._located(failure))) from None
        self.hooks = frozenset(step.value)

    def _find(self, module: str) -> tuple[bool, dict[str, Any]]:
        """The source of a required module, beside the script or in the gateway's lua/lib: (found, answer to Lua)."""
        try:
            file, name = module_file(module, self._path.parent)
            return True, {"source": self.sources.read(file), "name": name}
        except ScriptLoadError as error:
            return False, Problem("script_error", str(error), source="script").to_error()

    def run_at_once(self, hook: str, *arguments: Any) -> Any:
        """Run a hook that cannot wait; its result. Raises ScriptFailure."""
        with self._brake.charging(hook):
            self._brake.check(hook)
            return self._start(hook, arguments).value

    async def run_for(self, client: Client, hook: str, *more: Any) -> Any:
        """Run a hook on behalf of a client, its first argument, to its end; its result. Raises ScriptFailure."""
        subject = (client.principal.tenant, client.principal.sub)
        with self._brake.charging(hook, subject):
            async with self._order.turn():
                self._brake.check(hook, subject)  # others may have gone over their budget before it was its turn
                step = self._start(hook, (client.id, self._clients.describe(client), *more))
            return step.value if step.state == "done" else await self._runs.open(self._hook_seconds).finish(step)

    def open_flow(self) -> Run:
        """A run for a call flow, to be used: without a limit in time, and cancelled when its call is gone."""
        run = self._flows.open(None)
        self._flows.add(run)
        return run

    async def run_flow(self, run: Run, hook: str, *arguments: Any) -> Any:
        """Run a hook as that run, to its end; its result. Raises ScriptFailure."""
        try:
            with self.tally.run(hook), self._brake.charging(hook):
                async with self._order.turn():
                    self._brake.check(hook)
                    step = self._start(hook, arguments)
                return await run.finish(step)
        finally:
            self._flows.discard(run)

    def report(self, hook: str, failure: ScriptFailure) -> None:
        """Log a failure of this script, and make sure that its text says where."""
        self._failures.write(hook, self._located(failure))

    def to_report(self) -> dict[str, Any]:
        """How it fares, for operators."""
        return report(self._path, self.hooks, self.tally, self._failures, self._runtime)

    def stop_starting(self) -> None:
        """Undo what loading started: neither timers nor tasks ever run."""
        self._timers.end()
        self._tasks.stop()

    def stop_timers(self) -> None:
        """Let no timer fire any more."""
        self._timers.end()

    async def retire(self) -> None:
        """Return when hooks, flows and tasks have come to their end; tasks that belong to no call are cancelled."""
        await self._idle(RETIREMENT_SECONDS)
        self._tasks.cancel_idlers()
        await self._flows.idle()
        await self._idle(RETIREMENT_SECONDS)
        self._tasks.cancel_all()
        await self._idle(2 * CLEAN_UP_SECONDS)

    async def _idle(self, seconds: float) -> None:
        """Return when nothing runs any more, at the latest after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._timers.idle()
                await self._tasks.idle()
                await self._background.idle()
                await self._runs.idle()
                await self._flows.idle()

    async def close(self) -> None:
        """End timers, tasks, flows and running hooks."""
        await self._timers.close()
        await self._tasks.close()
        await self._background.close()
        await self._flows.close()
        await self._runs.close()

    def _located(self, failure: ScriptFailure) -> ScriptFailure:
        # A syntax error says where in its text; a failure without a line of Lua gets at least the file.
        if not failure.where and not failure.text.startswith(f"{self.name}:"):
            failure.where = self.name
        return failure

    def _start(self, hook: str, arguments: tuple[Any, ...]) -> Step:
        for client_id in self._clients.take_gone():
            self._runtime.forget(client_id)
        try:
            return self._runtime.start(hook, *arguments)
        except ValueNotJsonError as error:
            self._clients.tell_again()
            raise ScriptFailure(f"{hook} was not called: {error}") from None
        except ScriptFailure:
            self._clients.tell_again()
            raise

    def _open_unlimited(self) -> Run:
        return self._background.open(None)

    async def _run_task(self, number: int, run: Run) -> None:
        with self.tally.run("task"):
            async with self._pace.turn():
                step = self._start("task", (number, run.cancelled))
            await run.finish(step)

    async def _run_timer(self, number: int) -> None:
        try:
            with self.tally.run("timer"):
                async with self._pace.turn():
                    step = self._start("timer", (number,))
                await self._background.open(self._hook_seconds).finish(step)
        except ScriptFailure as failure:
            self.report("timer", failure)
