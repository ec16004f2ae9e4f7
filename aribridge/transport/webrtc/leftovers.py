"""Gives back the memory of closed peers.

The objects of a peer refer to each other, aioice's and aiortc's included, so that only a full collection of Python's
frees them: some 50 KB each. By itself Python runs one after so many other allocations that thousands of peers may wait
for it.
"""

from __future__ import annotations

import asyncio
import gc

_PAUSE_SECONDS = 0.2
_SHARE = 4


class Leftovers:
    """Collects once the closed peers are a quarter of the living ones: the cost for each peer stays the same."""

    def __init__(self) -> None:
        self._closed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._again = False

    def add(self, living: int) -> None:
        """A peer is closed; ``living`` others are not."""
        self._closed += 1
        if self._closed * _SHARE < living:
            return
        if self._timer is None:
            self._arm()
        else:
            self._again = True

    def stop(self) -> None:
        """Collect no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        """Wait a moment: the last callbacks of a closed peer still hold it."""
        self._timer = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._collect)

    def _collect(self) -> None:
        self._closed, self._timer = 0, None
        gc.collect()
        if self._again:
            self._again = False
            self._arm()
