"""Turns for what one script does, so that it leaves time for everybody else.

The budget bounds a single run. Thousands of runs at once, each within its budget, would hold up all others; so they
take turns, and after each burst of work others have theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

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
        self._worked = 0.0
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()
        self._others_go_first = False

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Work inside; the work must not wait."""
        return _Turn(self)

    async def begin(self) -> float:
        """Wait until it is one's turn; when that is, by the clock."""
        if self._others_go_first:
            await asyncio.sleep(0)
        while self._worked > _BURST:
            self._pause()
            await self._may_go_on.wait()
        return self._clock()

    def end(self, began: float) -> None:
        """The turn that began then is over."""
        self._worked += self._clock() - began

    def _pause(self) -> None:
        if self._may_go_on.is_set():
            self._may_go_on.clear()
            asyncio.get_running_loop().call_later(self._worked * self._rest, self._go_on)

    def _go_on(self) -> None:
        """All that wait go on in one turn of the event loop, as far as the next burst takes them."""
        self._worked = 0.0
        self._may_go_on.set()
        # Who comes in this turn would begin before they do, and where always somebody comes they never would.
        self._others_go_first = True
        asyncio.get_running_loop().call_soon(self._all_went_on)

    def _all_went_on(self) -> None:
        self._others_go_first = False


class _Turn:
    """Not a generator's: each command of a client goes through one."""

    __slots__ = ("_began", "_pace")

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    async def __aenter__(self) -> None:
        self._began = await self._pace.begin()

    async def __aexit__(self, *_: object) -> None:
        self._pace.end(self._began)
