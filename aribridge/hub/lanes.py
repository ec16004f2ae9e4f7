"""Requests of one lane run in the order of their arrival; lanes run side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

_NO_LANE = nullcontext()


class Lanes:
    """One queue per lane name, kept while something is in it."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    def turn(self, name: Hashable | None) -> AbstractAsyncContextManager[None]:
        """Wait for one's turn in a lane; None waits for nobody."""
        return _NO_LANE if name is None else self._turn(name)

    @asynccontextmanager
    async def _turn(self, name: Hashable) -> AsyncIterator[None]:
        lock, users = self._lanes.get(name) or (asyncio.Lock(), 0)
        self._lanes[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            self._leave(name)

    def _leave(self, name: Hashable) -> None:
        lock, users = self._lanes[name]
        if users == 1:
            del self._lanes[name]
        else:
            self._lanes[name] = (lock, users - 1)
