"""The callbacks of one session, one after another, as a script that was written for one lock expects them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from aribridge.script.janus import JanusScript

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

MAX_WAITING = 1000
MAX_BYTES = 4_194_304


class Callbacks:
    """Calls them in their order: at once while none waits, so that most need no task at all.

    A callback that waits (``socket.http``) holds up those of its own session, nobody else's.
    """

    def __init__(self, script: JanusScript, spawn: Spawn) -> None:
        self._script = script
        self._spawn = spawn
        self._waiting: deque[tuple[str, tuple[Any, ...]]] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def call(self, callback: str, *arguments: Any) -> None:
        """Call a callback, now or after those that came before."""
        if self._task is not None:
            self._waiting.append((callback, arguments))
            return
        rest = self._script.begin(callback, *arguments)
        if rest is not None:
            self._task = self._spawn(self._go_on(rest))

    def offer(self, size: int, callback: str, *arguments: Any) -> bool:
        """The same for what clients send; False when too much waits already."""
        if self._task is not None:
            if len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_BYTES:
                return False
            self._bytes += size
        self.call(callback, *arguments)
        return True

    async def settled(self) -> None:
        """Return when all that were called have ended."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def drop(self) -> None:
        """Call nothing that waits."""
        self._waiting.clear()

    async def _go_on(self, rest: Coroutine[Any, Any, None] | None) -> None:
        try:
            while rest is not None or self._waiting:
                if rest is not None:
                    await rest
                rest = None
                if self._waiting:
                    callback, arguments = self._waiting.popleft()
                    rest = self._script.begin(callback, *arguments)
                await asyncio.sleep(0)
        finally:
            self._task, self._bytes = None, 0
