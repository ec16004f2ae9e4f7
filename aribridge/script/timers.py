"""The timers of a script (``bridge.after``): each fires once and runs as a task that is owned here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Timers:
    """Calls ``run`` with a timer's number when its time has come. The script's side bounds how many there are."""

    def __init__(self, run: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        self._run = run
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, number: int, seconds: float) -> None:
        """Start a timer. Without a running event loop (``aribridge check``) nothing is started: nothing will run."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._waiting[number] = loop.call_later(seconds, self._fire, number)

    def cancel(self, number: int) -> None:
        """Stop a timer that has not fired yet."""
        if handle := self._waiting.pop(number, None):
            handle.cancel()

    def _fire(self, number: int) -> None:
        del self._waiting[number]
        task = asyncio.get_running_loop().create_task(self._run(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop all timers, and what those that fired are still doing."""
        for handle in self._waiting.values():
            handle.cancel()
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
