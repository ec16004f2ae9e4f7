"""An event loop in simulated time: whenever everybody waits for time to pass, it has passed."""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime
from typing import Any

MOST_ROUNDS = 100_000
"""Of the event loop at one point of time: a second or more."""

OUTSIDE_SECONDS = 5.0
"""Of real time, which threads have when nothing else is left to do."""
START = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()
"""The time of day at which each test begins: a Monday, noon in Greenwich."""


class RestlessError(Exception):
    """Something goes on and on without ever waiting for time to pass."""


class StuckError(Exception):
    """Everybody waits for something that will never come."""


class _Clock(selectors.DefaultSelector):
    """Where the event loop would sleep until its next timer, sets the clock forward to it instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0
        self.rounds = 0
        self.idle: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            self._count()
            return ready
        if self.threads:
            return super().select(None)  # what a thread does takes no simulated time
        self.rounds = 0
        if self.idle:
            self._tell_idle()
        elif timeout is None:
            return self._wait_outside()
        else:
            self.now += timeout
        return []

    def _wait_outside(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Nobody here will ever do anything; a thread may, such as the one that ends the others."""
        ready = super().select(OUTSIDE_SECONDS)
        if not ready:
            raise StuckError
        return ready

    def _count(self) -> None:
        self.rounds += 1
        if self.rounds > MOST_ROUNDS:
            self.rounds = 0
            raise RestlessError

    def _tell_idle(self) -> None:
        waiting, self.idle = self.idle, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is 0 at the start, and passes only while nothing else is left to do.

    What it runs raises RestlessError when that never comes, StuckError when nothing is left that could happen.
    """

    def __init__(self) -> None:
        self._clock = _Clock()
        self._midnight = START
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds of simulated time."""
        return self._clock.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run a function in a thread; the clock stands until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._clock.threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Join the threads; the clock stands meanwhile, so that no ``timeout`` (Python 3.12) can run out."""
        self._clock.threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._clock.threads -= 1

    def wall(self) -> float:
        """The time of day, in Unix seconds."""
        return self._midnight + self._clock.now

    def set_wall(self, seconds: float) -> None:
        """Let it be that time of day, in Unix seconds; timers do not notice."""
        self._midnight = seconds - self._clock.now

    async def settle(self) -> None:
        """Return when nothing is left to do but to wait for time to pass."""
        future: asyncio.Future[None] = self.create_future()
        self._clock.idle.append(future)
        await future

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self._clock.threads -= 1
