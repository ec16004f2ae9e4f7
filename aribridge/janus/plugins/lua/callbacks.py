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

    A callback that waits (``socket.http``) holds up those of its own session, nobody else's.
    """

    def __init__(self, script: JanusScript, spawn: Spawn, by: Hashable) -> None:
        """``by`` is on whose behalf they are called."""
        self._by = by
        self._script = script
        self._spawn = spawn
        self._waiting: deque[tuple[int, str, tuple[Any, ...]]] = deque()
        self._bytes = 0
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

    def _call(self, size: int, callback: str, arguments: tuple[Any, ...]) -> None:
        if self.task is not None:
            self._waiting.append((size, callback, arguments))
            self._bytes += size
            return
        rest = self._script.begin(callback, *arguments, by=self._by)
        if rest is not None:
            self.task = self._spawn(self._go_on(rest))

    async def _go_on(self, rest: Coroutine[Any, Any, None] | None) -> None:
        try:
            while rest is not None or self._waiting:
                if rest is not None:
                    await rest
                rest = None
                if self._waiting:
                    size, callback, arguments = self._waiting.popleft()
                    self._bytes -= size
                    rest = self._script.begin(callback, *arguments, by=self._by)
                await asyncio.sleep(0)
        finally:
            self.task = None
