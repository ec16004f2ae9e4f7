"""What happens to a flow's channels, in order, until its script has seen it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

GAP = {"type": "aribridge.gap"}
"""Stands for events that are missing: the script's side then looks at the state of what it waits for."""

_MOST = 1000


class Mailbox:
    """Events of one flow, numbered from 1 on; ``last`` is the newest one's number.

    Several runs may wait for them. All are woken and given what there is, since a run may take its time until it looks.
    """

    def __init__(self) -> None:
        self.last = 0
        self._events: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Event()

    def put(self, event: dict[str, Any]) -> None:
        """Add an event; over the bound, what waits is given up and a gap says so."""
        if len(self._events) >= _MOST:
            self._events.clear()
            self._add(GAP)
        self._add(event)
        self.wake()

    def wake(self) -> None:
        """Let all who wait look again."""
        # Who waits now is woken; who comes later finds the events.
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def take(self, seen: int, seconds: float | None) -> list[dict[str, Any]]:
        """What comes after number ``seen``, up to which the script has seen all, as soon as there is something.

        Nothing when the time is over, or when who waits is to look again.
        """
        for _ in range(min(seen - self.last + len(self._events), len(self._events))):
            self._events.popleft()
        if not self._events:
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        return list(self._events)

    def _add(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        self.last += 1
