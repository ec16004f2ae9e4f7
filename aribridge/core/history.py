"""What happened lately on one target: a ring bounded by count, size and age, found by seq without a search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from aribridge.core.events import Labels
from aribridge.core.state.changes import Change

_OVERHEAD = 1700
"""About what an entry and its labels take beside their texts, in bytes; measured."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One place in a stream: the event, unless a script dropped it, and what changed in the call state.

    ``tail`` is the encoded end of the event message, the same for every subscriber; ``labels`` are as they were when
    the entry was appended, None for a dropped event.
    """

    seq: int
    tail: str
    labels: Labels | None
    changes: tuple[Change, ...] = ()

    @property
    def size(self) -> int:
        """About what it takes in memory, in bytes."""
        size = _OVERHEAD + len(self.tail)
        for change in self.changes:
            size += change.size
        return size


class History:
    """The entries ``first`` … ``head``; seqs follow one another from 1. Times are seconds on any steady clock."""

    def __init__(self, *, most_events: int, most_bytes: int, most_seconds: float) -> None:
        self.head = 0
        self.first = 1
        self.bytes = 0
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._entries: dict[int, tuple[float, int, Entry]] = {}
        """By seq: when it came, its size, and the entry."""

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, seq: int) -> Entry:
        return self._entries[seq][2]

    def append(self, entry: Entry, now: float) -> None:
        """Add the entry that follows ``head``, and forget what is over the bounds."""
        self.head, size = entry.seq, entry.size
        self._entries[entry.seq] = (now, size, entry)
        self.bytes += size
        while len(self._entries) > self._most_events or self.bytes > self._most_bytes:
            self._forget_first()
        self.expire(now)

    def expire(self, now: float) -> None:
        """Forget what is too old."""
        while self._entries and self._entries[self.first][0] < now - self._most_seconds:
            self._forget_first()

    def follows(self, seq: int) -> bool:
        """Whether everything after ``seq`` is here."""
        return self.first - 1 <= seq <= self.head

    def restart(self) -> None:
        """Forget everything and count from 1 again."""
        self._entries.clear()
        self.head, self.first, self.bytes = 0, 1, 0

    def aged(self, now: float) -> Iterator[tuple[float, Entry]]:
        """Every entry with its age, the oldest first."""
        return ((now - at, entry) for at, _, entry in self._entries.values())

    def restore(self, head: int, aged: Sequence[tuple[float, Entry]], now: float) -> None:
        """Be as it was when ``head`` was the newest seq and these were its last entries; they have aged since."""
        self.restart()
        self.head = head - len(aged)
        self.first = self.head + 1
        for age, entry in aged:
            self.append(entry, now - age)
        self.expire(now)

    def _forget_first(self) -> None:
        _, size, _ = self._entries.pop(self.first)
        self.first += 1
        self.bytes -= size
