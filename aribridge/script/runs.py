"""Runs of the script that wait: served until they end, are cancelled, run out of time, or the script is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from aribridge.protocol.problems import Problem
from aribridge.script.calls import Calls
from aribridge.script.errors import ScriptFailure
from aribridge.script.runtime import Runtime, Step
from aribridge.script.values import ValueNotJsonError

Turn = Callable[[], AbstractAsyncContextManager[None]]

CLEAN_UP_SECONDS = 5.0
"""What a cancelled run has for its last calls."""


class Runs:
    """The waiting runs of one script; ``turn`` is entered for each step that they do."""

    def __init__(self, runtime: Runtime, calls: Calls, turn: Turn = nullcontext) -> None:
        self.runtime = runtime
        self.calls = calls
        self.turn = turn
        self.closed = False
        self._waiting: set[Run] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def open(self, longest: float | None) -> Run:
        """A run that may take ``longest`` seconds from its first wait on; None is no limit."""
        return Run(self, longest)

    def add(self, run: Run) -> None:
        """Own a run until it is over."""
        self._waiting.add(run)
        self._idle.clear()

    def discard(self, run: Run) -> None:
        """Disown a run that is over."""
        self._waiting.discard(run)
        if not self._waiting:
            self._idle.set()

    async def idle(self) -> None:
        """Return when there is none."""
        await self._idle.wait()

    async def close(self) -> None:
        """End every run that waits, and return when all have ended."""
        self.closed = True
        for run in self._waiting:
            run.interrupt()
        await self._idle.wait()


class Run:
    """One run of a hook, a timer's function, a task: from its first wait to its end."""

    def __init__(self, runs: Runs, longest: float | None) -> None:
        self.cancelled: str | None = None
        self._runs = runs
        self._longest = longest
        self._deadline: float | None = None
        self._told = False
        self._scope: asyncio.Timeout | None = None

    def cancel(self, code: str) -> None:
        """Raise ``{code = …}`` where the run waits, and end it if it then goes on for more than five seconds."""
        if self.cancelled is None:
            self.cancelled = code
            self.interrupt()

    def interrupt(self) -> None:
        """Let it look again at why it should not wait any longer."""
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def finish(self, step: Step) -> Any:
        """Serve what the run waits for until it is done; its result. Raises ScriptFailure."""
        self._allow(self._longest)
        self._runs.add(self)
        try:
            while step.state == "wait":
                answer = await self._answer(step)
                async with self._runs.turn():
                    step = self._resume(step.number, *answer)
        except BaseException:
            self._runs.runtime.stop(step.number)
            raise
        finally:
            self._runs.discard(self)
        return step.value

    async def _answer(self, step: Step) -> tuple[bool, Any]:
        if self._interrupted:
            return self._why(step)
        try:
            async with asyncio.timeout_at(self._deadline) as self._scope:
                return await self._runs.calls.answer(*step.value)
        except TimeoutError:
            return self._why(step)
        finally:
            self._scope = None

    @property
    def _interrupted(self) -> bool:
        return self._runs.closed or (self.cancelled is not None and not self._told)

    def _why(self, step: Step) -> tuple[bool, Any]:
        """What the run is told instead of an answer. Raises ScriptFailure when it is to end at once."""
        if self._runs.closed or self.cancelled is None or self._told:
            raise self._overran(step)
        self._told = True
        self._allow(CLEAN_UP_SECONDS)
        detail = "this run of the script was cancelled while it waited"
        return False, {"code": self.cancelled, "detail": detail, "source": "script", "outcome": "unknown"}

    def _allow(self, seconds: float | None) -> None:
        self._deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds

    def _overran(self, step: Step) -> ScriptFailure:
        where = self._runs.runtime.stop(step.number)
        if self._runs.closed:
            return ScriptFailure("ended, because the gateway stops", where=where)
        if self.cancelled is not None:
            text = f"went on for {CLEAN_UP_SECONDS:g} s after it was cancelled"
            return ScriptFailure(text, where=where, ran_out="cancel")
        text = f"took longer than scripts.hook_seconds allows ({self._longest:g} s)"
        return ScriptFailure(text, where=where, ran_out="hook_seconds")

    def _resume(self, number: int, ok: bool, value: Any) -> Step:
        runtime = self._runs.runtime
        try:
            return runtime.resume(number, ok, value)
        except ValueNotJsonError as error:
            problem = Problem("reply_too_large", f"the answer does not fit into a script: {error}", outcome="applied")
            return runtime.resume(number, False, problem.to_error())
