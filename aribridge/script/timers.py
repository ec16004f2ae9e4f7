"""The timers of a script (``bridge.after``, ``bridge.every``): each runs as a task that is owned here."""

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
        self._periods: dict[int, float] = {}
        self._ended = False

    def start(self, number: int, seconds: float) -> None:
        """Start a timer. Without a running event loop (``aribridge check``) nothing is started: nothing will run."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if not self._ended:
            self._waiting[number] = loop.call_later(seconds, self._fire, number)

    def repeat(self, number: int, seconds: float) -> None:
        """Start a timer that fires again and again; a time that comes while it still runs is left out."""
        self._periods[number] = seconds
        self.start(number, seconds)

    def cancel(self, number: int) -> None:
        """Stop a timer; what it is doing goes on."""
        self._periods.pop(number, None)
        if handle := self._waiting.pop(number, None):
            handle.cancel()

    def end(self) -> None:
        """Stop all timers for good; what those that fired are doing goes on."""
        self._ended = True
        self._periods.clear()
        for handle in self._waiting.values():
            handle.cancel()
        self._waiting.clear()

    def _fire(self, number: int) -> None:
        del self._waiting[number]
        loop = asyncio.get_running_loop()
        work = self._fire_again(number, loop.time()) if number in self._periods else self._run(number)
        task = loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fire_again(self, number: int, due: float) -> None:
        await self._run(number)
        if seconds := self._periods.get(number):
            late = asyncio.get_running_loop().time() - due
            self.start(number, seconds - late % seconds)

    async def idle(self) -> None:
        """Return when none that fired is doing anything."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Stop all timers, and what those that fired are still doing."""
        self.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
