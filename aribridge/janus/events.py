"""The events of one session on their way to whoever reads them."""

from __future__ import annotations

from collections import deque

import structlog

log = structlog.get_logger("aribridge.janus")

MAX_BYTES = 1_048_576
"""Bytes of events kept for one session, besides the number in the setting ``janus.queue``."""


class EventQueue:
    """Encoded events, oldest first, bounded: when it is full the oldest goes.

    The newest say how things are now (``hangup``, the last answer), so the oldest are the ones to lose. The loss is
    logged once until the queue has been read empty.
    """

    def __init__(self, session_id: int, limit: int) -> None:
        self._session_id = session_id
        self._limit = limit
        self._events: deque[str] = deque()
        self._bytes = 0
        self._dropping = False

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: str) -> None:
        """Add an event; one that is too large for all there is room for is lost, and no other one for its sake."""
        if len(event) > MAX_BYTES:
            self._tell_loss()
            return
        self._events.append(event)
        self._bytes += len(event)
        while len(self._events) > self._limit or self._bytes > MAX_BYTES:
            self._drop_oldest()

    def take(self) -> str:
        """Remove and return the oldest event."""
        event = self._events.popleft()
        self._bytes -= len(event)
        self._dropping = self._dropping and bool(self._events)
        return event

    def put_back(self, event: str) -> None:
        """Return the event taken last, which could not be sent, to its place."""
        self._events.appendleft(event)
        self._bytes += len(event)

    def _drop_oldest(self) -> None:
        self._tell_loss()
        self._bytes -= len(self._events.popleft())

    def _tell_loss(self) -> None:
        if not self._dropping:
            log.warning("events.dropped", session=self._session_id, kept=self._limit, setting="janus.queue")
        self._dropping = True
