"""Turns for what one script does, so that it leaves time for everybody else.

The budget bounds a single run. Thousands of runs at once, each within its budget, would hold up all others; so they
take turns, and after each burst of work others have theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_BURST = 0.005
"""Seconds of work after which a pause follows."""


class Pace:
    """The turns of one script's runs of a kind, first come, first served; ``clock`` tells how long they take.

    ``rest`` is how long a pause is, as a share of the burst before it: 1.0 leaves half of the time to others, 0.0 one
    turn of the event loop.
    """

    def __init__(self, clock: Callable[[], float], rest: float) -> None:
        self._clock = clock
        self._rest = rest
        self._lock = asyncio.Lock()
        self._worked = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Work now; the work must not wait."""
        async with self._lock:
            if self._worked > _BURST:
                pause, self._worked = self._worked * self._rest, 0.0
                await asyncio.sleep(pause)
            began = self._clock()
            try:
                yield
            finally:
                self._worked += self._clock() - began
