"""One script of Janus: its interpreter, its callbacks, its scheduler."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from aribridge.core import trace
from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.script.brake import Brake
from aribridge.script.calls import AriCalls, Calls, Operation, local_time, sleep
from aribridge.script.clients import Clients
from aribridge.script.clocks import REAL
from aribridge.script.errors import ScriptFailure, ScriptLoadError
from aribridge.script.failures import FailureLog
from aribridge.script.files import Sources
from aribridge.script.host import Asterisks
from aribridge.script.janus.luasocket import LuaSocket
from aribridge.script.janus.modules import Modules
from aribridge.script.janus.outbox import JanusOutbox
from aribridge.script.janus.ports import World
from aribridge.script.janus.runtime import JanusRuntime
from aribridge.script.janus.scheduler import Scheduler
from aribridge.script.outbox import Outbox
from aribridge.script.pace import Pace
from aribridge.script.report import report
from aribridge.script.runs import Run, Runs
from aribridge.script.runtime import Step
from aribridge.script.tally import Tally
from aribridge.script.tasks import Tasks
from aribridge.script.timers import Timers
from aribridge.script.values import ValueNotJsonError

MANDATORY = (
    *("init", "destroy", "createSession", "destroySession", "querySession"),
    *("handleMessage", "setupMedia", "hangupMedia", "resumeScheduler"),
)


class JanusScript:
    """A script written for Janus's Lua plugin, in an interpreter of its own.

    Callbacks run like the hooks of other scripts: within the same budgets, each on its own, and whatever fails ends
    that call alone. One that waits (``socket.http``) lets the others go on.
    """

    def __init__(
        self,
        settings: JanusLuaSettings,
        limits: ScriptSettings,
        asterisks: Asterisks,
        world: World,
        operations: Mapping[str, Operation],
    ) -> None:
        """``operations`` are those that the script may wait for, besides HTTP, ARI and its own tasks."""
        path = Path(settings.script)
        self.name = path.name
        self.callbacks: frozenset[str] = frozenset()
        self._path = path
        self._config = settings.config
        self._seconds = limits.hook_seconds
        self._failures = FailureLog(str(path))
        self.tally = Tally(path.name)
        self._brake = Brake()
        self.sources = Sources()
        self._modules = Modules([*map(Path, settings.path), path.parent], self.sources)
        self._socket = LuaSocket(settings.http_allow)
        self._timers = Timers(self._run_timer)
        self._tasks = Tasks(self._open_unlimited, self._run_task, self.report)
        self._scheduler = Scheduler(self)
        self._common = Outbox(str(path), Clients(), self._timers, self._tasks, asterisks)
        self._own = JanusOutbox(str(path), world, self._scheduler.poke, self._scheduler.call_later).actions
        self._runtime = JanusRuntime(
            memory_bytes=limits.memory_mb << 20, budget_seconds=limits.budget_ms / 1000, outbox=self._handle
        )
        common = {**AriCalls(asterisks).operations, "sleep": sleep, "time": local_time, "join": self._tasks.join}
        own = {**self._socket.operations, "require": self._modules.require}
        calls = Calls({**common, **operations, **own})
        self._order = Pace(REAL.work, rest=0.0)
        self._runs = Runs(self._runtime, calls, self._order.turn)
        self._pace = Pace(REAL.work, rest=1.0)
        self._background = Runs(self._runtime, calls, self._pace.turn)

    def load(self) -> None:
        """Run the main chunk and find the callbacks. Raises ScriptLoadError."""
        source = self.sources.read(self._path)
        try:
            step = self._runtime.start("load", source, self.name)
            while step.state == "wait":
                _require, module = step.value
                step = self._runtime.resume(step.number, *self._modules.find(module))
        except ScriptFailure as failure:
            raise ScriptLoadError(str(self._located(failure))) from None
        self.callbacks = frozenset(step.value)
        missing = [name for name in MANDATORY if name not in self.callbacks]
        if missing:
            raise ScriptLoadError(f"{self._path}: a script of Janus has to define {', '.join(missing)}, too")

    async def start(self) -> dict[str, Any]:
        """Call ``init``, then ask the script about itself; its answers by ``Package``, ``Name``, ``Version`` and so on.

        Raises ScriptLoadError when ``init`` fails.
        """
        try:
            await self.call("init", self._config or None)
            asked = [name for name in self.callbacks if name.startswith("get")]
            return {name.removeprefix("get"): await self._ask(name) for name in asked}
        except ScriptFailure as failure:
            raise ScriptLoadError(str(self._located(failure))) from None

    async def call(self, callback: str, *arguments: Any, by: Hashable = None) -> list[Any]:
        """Call a callback; all that it returned. Raises ScriptFailure.

        ``by`` is on whose behalf, if that can be told: who makes it overrun again and again waits before all others.
        """
        with ExitStack() as counted:
            async with self._order.turn():
                counted.enter_context(self._counted(callback, by))
                step = self._begin(callback, arguments)
            value = step.value if step.state == "done" else await self._runs.open(self._seconds).finish(step)
        return list(value or ())

    def begin(self, callback: str, *arguments: Any, by: Hashable = None) -> Coroutine[Any, Any, None] | None:
        """Call a callback whose result nobody needs; what is left of it if it waits. Failures are logged."""
        try:
            with ExitStack() as counted:
                counted.enter_context(self._counted(callback, by))
                step = self._begin(callback, arguments)
                if step.state == "wait":
                    return self._finish(callback, step, counted.pop_all())
        except ScriptFailure as failure:
            self.report(callback, failure)
        return None

    def rest(self, callback: str, by: Hashable = None) -> float:
        """Seconds for which a callback is not to be called, since it overran too often; not above 0 where it may."""
        return self._brake.rest(callback, by)

    def report(self, callback: str, failure: ScriptFailure) -> None:
        """Log a failure of this script, and make sure that its text says where."""
        self._failures.write(callback, self._located(failure))

    def to_report(self) -> dict[str, Any]:
        """How it fares, for operators."""
        return report(self._path, self.callbacks, self.tally, self._failures, self._runtime)

    async def stop_waiting(self) -> None:
        """End every call that waits, and let none wait any more."""
        await self._background.close()
        await self._runs.close()

    async def settle(self) -> None:
        """Return when no call waits any more, or when it has waited too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await self._background.idle()
                await self._runs.idle()

    async def close(self) -> None:
        """Call ``destroy``, then end everything that runs or waits."""
        try:
            await self.call("destroy")
        except ScriptFailure as failure:
            self.report("destroy", failure)
        await self.abandon()

    async def abandon(self) -> None:
        """End everything that runs or waits, without a word to the script."""
        await self._scheduler.close()
        await self._timers.close()
        await self._tasks.close()
        await self.stop_waiting()
        await self._socket.close()

    async def _ask(self, name: str) -> Any:
        values = await self.call(name)
        return values[0] if values else None

    def _handle(self, request: list[Any]) -> None:
        action = self._own.get(request[0])
        if action is None:
            self._common.handle(request)
        else:
            action(*request[1:])

    def _begin(self, callback: str, arguments: tuple[Any, ...]) -> Step:
        try:
            return self._runtime.start(callback, time.time(), list(arguments))
        except ValueNotJsonError as error:
            raise ScriptFailure(f"{callback} was not called: {error}") from None

    @contextmanager
    def _counted(self, callback: str, by: Hashable) -> Iterator[None]:
        """Counts a run, and its overruns, if the script defines what is called: some of it is the gateway's own."""
        if not self._is_the_scripts(callback):
            yield
            return
        with self.tally.run(callback), self._brake.charging(callback, by):
            self._brake.check(callback, by)
            yield

    def _is_the_scripts(self, callback: str) -> bool:
        older = callback == "incomingTextData" and "incomingData" in self.callbacks
        return older or callback in self.callbacks or callback == "timeCallback"

    async def _finish(self, callback: str, step: Step, counted: AbstractContextManager[Any]) -> None:
        with trace.run():
            try:
                with counted:
                    await self._runs.open(self._seconds).finish(step)
            except ScriptFailure as failure:
                self.report(callback, failure)

    def _located(self, failure: ScriptFailure) -> ScriptFailure:
        if not failure.where and not failure.text.startswith(f"{self.name}:"):
            failure.where = self.name
        return failure

    def _open_unlimited(self) -> Run:
        return self._background.open(None)

    async def _run_task(self, number: int, run: Run) -> None:
        with self.tally.run("task"):
            async with self._pace.turn():
                step = self._runtime.start("task", number, run.cancelled)
            await run.finish(step)

    async def _run_timer(self, number: int) -> None:
        try:
            with self.tally.run("timer"):
                async with self._pace.turn():
                    step = self._runtime.start("timer", number)
                await self._background.open(self._seconds).finish(step)
        except ScriptFailure as failure:
            self.report("timer", failure)
