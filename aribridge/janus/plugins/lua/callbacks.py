"""The callbacks of one session, one after another, as a script that was written for one lock expects them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from aribridge.script.janus import JanusScript

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

MAX_WAITING = 1000
MAX_BYTES = 4_194_304


class Callbacks:
    """Calls them in their order: at once while none waits, so that most need no task at all.

    A callback that waits (``socket.http``) holds up those of its own session, nobody else's. So does one that rests,
    since it overran too often: it is put off, as a script must not miss what clients sent.
    """

    def __init__(self, script: JanusScript, spawn: Spawn, by: Hashable) -> None:
        """``by`` is on whose behalf they are called."""
        self._by = by
        self._script = script
        self._spawn = spawn
        self._waiting: deque[tuple[int, str, tuple[Any, ...]]] = deque()
        self._bytes = 0
        self._rests = False
        self.task: asyncio.Task[None] | None = None
        """What waits, and all that came after it; None while nothing does."""

    def call(self, callback: str, *arguments: Any) -> None:
        """Call a callback, now or after those that came before."""
        self._call(0, callback, arguments)

    def offer(self, size: int, callback: str, *arguments: Any) -> bool:
        """The same for what clients send; False when too much waits already."""
        if len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_BYTES:
            return False
        self._call(size, callback, arguments)
        return True

    def drop(self) -> None:
        """Call nothing that waits."""
        self._waiting.clear()
        self._bytes = 0
        if self._rests and self.task is not None:
            self.task.cancel()
            self.task, self._rests = None, False

    def _call(self, size: int, callback: str, arguments: tuple[Any, ...]) -> None:
        left = None
        if self.task is not None or self._script.rest(callback, self._by) > 0:
            self._waiting.append((size, callback, arguments))
            self._bytes += size
        else:
            left = self._script.begin(callback, *arguments, by=self._by)
        if self.task is None and (left is not None or self._waiting):
            self.task = self._spawn(self._go_on(left))

    async def _go_on(self, left: Coroutine[Any, Any, None] | None) -> None:
        try:
            if left is not None:
                await left
            while self._waiting:
                await self._rest()
                await self._call_next()
        finally:
            if self.task is asyncio.current_task():
                self.task = None

    async def _rest(self) -> None:
        """Wait until the next one may be called."""
        while self._waiting and (seconds := self._script.rest(self._waiting[0][1], self._by)) > 0:
            self._rests = True
            await asyncio.sleep(seconds)
            self._rests = False

    async def _call_next(self) -> None:
        size, callback, arguments = self._waiting.popleft()
        self._bytes -= size
        if left := self._script.begin(callback, *arguments, by=self._by):
            await left
        await asyncio.sleep(0)
