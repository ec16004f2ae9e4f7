"""The events of sessions on their way to whoever reads them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

import structlog

log = structlog.get_logger("aribridge.janus")

MAX_BYTES = 1 << 20
"""Bytes of events kept for one session, besides the number in the setting ``janus.queue``."""
MOST_BYTES_OF_ONE = 64 << 20
MOST_BYTES = 256 << 20
"""Bytes of events kept for all sessions, and for those of one subject."""


@dataclass(frozen=True, slots=True, eq=False)
class _Event:
    text: str
    size: int


class Room:
    """What the events of several sessions may take together: where they take more, the oldest goes, whosever it is."""

    def __init__(self, most: int, whose: str) -> None:
        """``whose`` says for the log what shares it."""
        self._most = most
        self._whose = whose
        self._events: OrderedDict[_Event, EventQueue] = OrderedDict()
        self._bytes = 0

    def add(self, event: _Event, queue: EventQueue) -> None:
        """Count an event of the queue; ``trim`` makes room for it."""
        self._events[event] = queue
        self._bytes += event.size

    def put_back(self, event: _Event, queue: EventQueue) -> None:
        """Count an event as the oldest."""
        self.add(event, queue)
        self._events.move_to_end(event, last=False)

    def trim(self) -> None:
        """Drop the oldest events until the others have room."""
        while self._bytes > self._most:
            next(iter(self._events.values())).drop_oldest(f"{self._most >> 20} MiB {self._whose}")

    def remove(self, event: _Event) -> None:
        """Count an event no more."""
        del self._events[event]
        self._bytes -= event.size


class EventQueue:
    """Encoded events, oldest first, bounded: when it is full the oldest goes.

    The newest say how things are now (``hangup``, the last answer), so the oldest are the ones to lose. The loss is
    logged once until the queue has been read empty.
    """

    def __init__(self, session_id: int, limit: int, rooms: Sequence[Room]) -> None:
        """``rooms`` are those that it shares with other sessions."""
        self._session_id = session_id
        self._limit = limit
        self._rooms = rooms
        self._events: deque[_Event] = deque()
        self._bytes = 0
        self._dropping = False

    def __len__(self) -> int:
        return len(self._events)

    def put(self, text: str) -> None:
        """Add an event; one that is too large for all there is room for is lost, and no other one for its sake."""
        event = _Event(text, len(text))
        if event.size > MAX_BYTES:
            self._tell_loss(_OF_SESSION)
            return
        self._events.append(event)
        self._bytes += event.size
        for room in self._rooms:
            room.add(event, self)
        self._trim()
        for room in self._rooms:
            room.trim()

    def take(self) -> str:
        """Remove and return the oldest event."""
        event = self._remove_oldest()
        self._dropping = self._dropping and bool(self._events)
        return event.text

    def put_back(self, text: str) -> None:
        """Return the event taken last, which could not be sent, to its place."""
        event = _Event(text, len(text))
        self._events.appendleft(event)
        self._bytes += event.size
        for room in self._rooms:
            room.put_back(event, self)

    def drop_oldest(self, bound: str) -> None:
        """Lose the oldest event, because of that bound."""
        self._tell_loss(bound)
        self._remove_oldest()

    def clear(self) -> None:
        """Leave no event: nobody will read them."""
        while self._events:
            self._remove_oldest()

    def _trim(self) -> None:
        while len(self._events) > self._limit:
            self.drop_oldest(f"janus.queue, {self._limit} events")
        while self._bytes > MAX_BYTES:
            self.drop_oldest(_OF_SESSION)

    def _remove_oldest(self) -> _Event:
        event = self._events.popleft()
        self._bytes -= event.size
        for room in self._rooms:
            room.remove(event)
        return event

    def _tell_loss(self, bound: str) -> None:
        if not self._dropping:
            log.warning("events.dropped", session=self._session_id, bound=bound)
        self._dropping = True


_OF_SESSION = f"{MAX_BYTES >> 20} MiB of one session"


class Rooms:
    """The rooms of all sessions: one of each subject's, and one of all together."""

    def __init__(self) -> None:
        self._all = Room(MOST_BYTES, "of all sessions")
        self._of: WeakValueDictionary[Hashable, Room] = WeakValueDictionary()

    def queue(self, session_id: int, subject: Hashable, limit: int) -> EventQueue:
        """The queue of a session of the subject's, for that many events."""
        room = self._of.get(subject)
        if room is None:
            room = self._of[subject] = Room(MOST_BYTES_OF_ONE, "of one subject")
        return EventQueue(session_id, limit, (room, self._all))
