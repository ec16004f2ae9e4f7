"""Events over HTTP: a GET that waits until there are some."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aribridge.janus.sessions import Session
from aribridge.janus.wire import encode

KEEPALIVE = encode({"janus": "keepalive"})


class LongPoll:
    """The source of a session whose client polls. One poll waits at a time: a newer one sends the older one home."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._turn = 0
        self._left = False

    def join(self, session: Session) -> None:
        """A session is read here; its polls find it by its id."""

    def wake(self, session: Session) -> None:
        """The session has events."""
        self._changed.set()

    def leave(self, session: Session, notice: str | None = None) -> None:
        """The session ended or was claimed elsewhere: the poll that waits is answered.

        There is no timeout to tell of, as a poll that waits is a sign of life.
        """
        self._left = True
        self._changed.set()

    async def take(self, session: Session, most: int, seconds: float, gone: Callable[[], bool]) -> list[str]:
        """Wait for events and take up to ``most``; a keepalive if none came in time.

        A client that is ``gone`` takes none: they stay for its next poll.
        """
        self._turn += 1
        turn = self._turn
        self._changed.set()
        try:
            async with asyncio.timeout(seconds):
                while not (session.events or self._left or turn != self._turn):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        if self._left or turn != self._turn or gone():
            return [KEEPALIVE]
        return [session.events.take() for _ in range(min(most, len(session.events)))] or [KEEPALIVE]
