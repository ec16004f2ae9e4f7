"""What happens to a flow's channels, in order, until its script takes it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

GAP = {"type": "aribridge.gap"}
"""Stands for events that are missing: the script's side then looks at the state of what it waits for."""

_MOST = 1000


class Mailbox:
    """Events of one flow. Several runs may wait for them: all are woken, the first takes what there is."""

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Event()

    def put(self, event: dict[str, Any]) -> None:
        """Add an event; over the bound, what waits is given up and a gap says so."""
        if len(self._events) >= _MOST:
            self._events.clear()
            self._events.append(GAP)
        self._events.append(event)
        # Who waits now is woken; who comes later finds the events.
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def take(self, seconds: float | None) -> list[dict[str, Any]]:
        """Everything there is, as soon as there is something; nothing when the time is over or another run took it."""
        if not self._events:
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        taken = list(self._events)
        self._events.clear()
        return taken
