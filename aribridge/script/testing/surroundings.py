"""What tests run in: an event loop, a time, an Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from aribridge.script.clocks import Clocks
from aribridge.script.testing.behind import Behind
from aribridge.script.testing.clock import SimulatedLoop
from aribridge.script.testing.simulated import SimulatedAsterisk
from aribridge.script.testing.simulated.world import Sink


class StageError(Exception):
    """Tests cannot be run there; the text says why, and what to do."""


class Surroundings(Protocol):
    """Around one test."""

    @property
    def behind(self) -> Behind:
        """The Asterisk."""

    @property
    def clocks(self) -> Clocks:
        """What the script is told of time."""

    async def settle(self) -> None:
        """Return when the script waits for nothing but time, as far as that can be known."""

    def set_wall(self, seconds: float) -> None:
        """Let the time of day be that, in Unix seconds. Raises CallFailure where that cannot be."""


class Stage(Protocol):
    """Makes the surroundings of each test."""

    def loop(self) -> asyncio.AbstractEventLoop:
        """A fresh event loop for a test."""

    def around(self, sink: Sink) -> AbstractAsyncContextManager[Surroundings]:
        """The surroundings of a test, in its loop; ``sink`` is told of what Asterisk sends.

        Raises StageError.
        """


class _InMemory:
    """Nobody is contacted, and time passes when everybody waits for it."""

    def __init__(self, loop: SimulatedLoop, sink: Sink) -> None:
        self._loop = loop
        self.behind = SimulatedAsterisk(sink, loop.wall)
        # Work takes no simulated time, and so a script that works much need not pause either.
        self.clocks = Clocks(work=loop.time, wall=loop.wall)

    async def settle(self) -> None:
        """Return when the script waits for nothing but time."""
        await self._loop.settle()

    def set_wall(self, seconds: float) -> None:
        """Let the time of day be that, in Unix seconds."""
        self._loop.set_wall(seconds)


class InMemory:
    """The stage of most tests."""

    def loop(self) -> asyncio.AbstractEventLoop:
        """An event loop in simulated time."""
        return SimulatedLoop()

    @asynccontextmanager
    async def around(self, sink: Sink) -> AsyncIterator[Surroundings]:
        """An Asterisk of the test's own."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        yield _InMemory(loop, sink)
