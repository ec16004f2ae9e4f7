"""Half of the time at most for what one script does in the background.

The budget bounds a single run. Thousands of tasks and timers, each within its budget, would leave no time for anybody
else; so they take turns, and after each burst the script pauses for as long as the burst took.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_BURST = 0.005
"""Seconds of work after which a pause follows."""


class Pace:
    """The turns of one script's tasks and timers, first come, first served; ``clock`` tells how long they take."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._worked = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Work now; the work must not wait."""
        async with self._lock:
            if self._worked > _BURST:
                pause, self._worked = self._worked, 0.0
                await asyncio.sleep(pause)
            began = self._clock()
            try:
                yield
            finally:
                self._worked += self._clock() - began
