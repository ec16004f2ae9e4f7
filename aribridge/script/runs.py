"""Runs of hooks that wait: served until they end, and ended when their time is up or the gateway stops."""

from __future__ import annotations

import asyncio
from typing import Any

from aribridge.protocol.problems import Problem
from aribridge.script.calls import Calls
from aribridge.script.errors import ScriptFailure
from aribridge.script.runtime import Runtime, Step
from aribridge.script.values import ValueNotJsonError


class Runs:
    """The waiting runs of one script; ``longest`` is the time in seconds that each may take."""

    def __init__(self, runtime: Runtime, calls: Calls, longest: float) -> None:
        self._runtime = runtime
        self._calls = calls
        self._longest = longest
        self._scopes: set[asyncio.Timeout] = set()
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def finish(self, number: int, request: list[Any]) -> Any:
        """Serve the calls of a run until it is done; its result. Raises ScriptFailure."""
        scope = asyncio.timeout(0 if self._closed else self._longest)
        self._scopes.add(scope)
        self._idle.clear()
        try:
            async with scope:
                return await self._serve(number, request)
        except TimeoutError:
            raise self._overran(number) from None
        except BaseException:
            self._runtime.stop(number)
            raise
        finally:
            self._scopes.discard(scope)
            if not self._scopes:
                self._idle.set()

    async def _serve(self, number: int, request: list[Any]) -> Any:
        step = Step(number, "wait", request)
        while step.state == "wait":
            answer = await self._calls.answer(*step.value)
            step = self._resume(number, *answer)
        return step.value

    def _resume(self, number: int, ok: bool, value: Any) -> Step:
        try:
            return self._runtime.resume(number, ok, value)
        except ValueNotJsonError as error:
            problem = Problem("reply_too_large", f"the answer does not fit into a script: {error}", outcome="applied")
            return self._runtime.resume(number, False, problem.to_error())

    def _overran(self, number: int) -> ScriptFailure:
        where = self._runtime.stop(number)
        if self._closed:
            return ScriptFailure("ended, because the gateway stops", where=where)
        text = f"took longer than scripts.hook_seconds allows ({self._longest:g} s)"
        return ScriptFailure(text, where=where, ran_out="hook_seconds")

    async def close(self) -> None:
        """End every run that waits, and return when all have ended."""
        self._closed = True
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(now)
        await self._idle.wait()
