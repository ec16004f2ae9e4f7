"""Making the call state right by reading it, while its events go on: what to read next, and what to make of answers.

An answer shows Asterisk at some moment between question and answer, so of what an event said meanwhile nobody knows
whether the answer has it already: such an object is read again by itself. That it is gone holds at once, since an
answer may still show it. What an event says after the answer holds, too, for whatever the answer saw and the event did
not is told by a further event.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aribridge.core.state.kinds import KINDS
from aribridge.core.state.objects import CallState
from aribridge.core.state.rules import Act, Touch, touches

_MOST_READS = 5
"""Reads of one object that changes all the time; then what its events said is taken."""

_APPLICATION_IDS = {
    "channels": "channel_ids",
    "bridges": "bridge_ids",
    "endpoints": "endpoint_ids",
    "deviceStates": "device_names",
}

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Read:
    """A question to Asterisk: an operation and its parameters. ``kind`` and ``id`` are empty for lists of several."""

    op: str
    params: Mapping[str, str] = field(hash=False)
    kind: str = ""
    id: str = ""


class Resync:
    """One reading of everything. ``known`` are ids of objects that ARI cannot list; ``app``: read its objects alone.

    Take questions with ``take``, give answers to ``answer``, in between events to ``event``, until ``done``; then
    ``state`` is right, all events given included.
    """

    def __init__(self, known: Iterable[Key], *, app: str | None = None) -> None:
        self.state = CallState(everything=app is None)
        self._unlisted = {kind.name for kind in KINDS.values() if kind.listing or app}
        self._waiting: deque[Read] = deque(self._lists(app))
        self._asked: dict[Read, None] = {}
        self._pending: set[Key] = set()
        self._dirty: set[Key] = set()
        self._reads: Counter[Key] = Counter()
        for key in known:
            self._want(key)

    @property
    def done(self) -> bool:
        """Whether nothing is to be read any more."""
        return not self._waiting and not self._asked

    def take(self) -> Read | None:
        """The next question to send; None when there is none at the moment."""
        if not self._waiting:
            return None
        read = self._waiting.popleft()
        self._asked[read] = None
        return read

    def event(self, event: Mapping[str, Any], now: float) -> None:
        """Take in an event that came meanwhile."""
        for touch in touches(event, everything=self.state.everything):
            self._touched(touch, now)

    def answer(self, read: Read, status: int, body: Any, now: float) -> None:
        """Take in the answer to a question: 200 with its body, or 404."""
        del self._asked[read]
        if read.id:
            self._read_one((read.kind, read.id), body if status == 200 else None, now)
        elif read.kind:
            self._read_list(read.kind, body if status == 200 else ())
        else:
            self._read_application(body if status == 200 else {})

    @staticmethod
    def _lists(app: str | None) -> Iterable[Read]:
        if app is not None:
            return [Read("applications.get", {"applicationName": app})]
        return [Read(kind.listing, {}, kind.name) for kind in KINDS.values() if kind.listing]

    def _want(self, key: Key) -> None:
        if key not in self._pending:
            kind = KINDS[key[0]]
            self._pending.add(key)
            self._reads[key] += 1
            self._waiting.append(Read(kind.reading, kind.parameters(key[1]), *key))

    def _touched(self, touch: Touch, now: float) -> None:
        key = (touch.kind, touch.id)
        self.state.touch(touch, now)
        if touch.act is Act.REMOVE:
            self._dirty.discard(key)
        elif key in self._pending or touch.kind in self._unlisted:
            self._dirty.add(key)

    def _read_list(self, kind: str, found: Iterable[Any]) -> None:
        self._unlisted.discard(kind)
        for value in found:
            ident = KINDS[kind].id_of(value)
            if ident is not None and (kind, ident) not in self._dirty:
                self._put((kind, ident), value)
        self._read_dirty(kind)

    def _read_application(self, app: Mapping[str, Any]) -> None:
        for kind, listed in _APPLICATION_IDS.items():
            for ident in app.get(listed, ()):
                self._want((kind, ident))
        for kind in tuple(self._unlisted):
            self._unlisted.discard(kind)
            self._read_dirty(kind)

    def _read_dirty(self, kind: str) -> None:
        for key in [key for key in self._dirty if key[0] == kind and key not in self._pending]:
            self._dirty.discard(key)
            self._want(key)

    def _read_one(self, key: Key, value: Any, now: float) -> None:
        self._pending.discard(key)
        if key in self._dirty:
            self._dirty.discard(key)
            if self._reads[key] < _MOST_READS:
                self._want(key)
        elif value is None:
            self.state.remove(*key, now)
        elif KINDS[key[0]].id_of(value) == key[1]:
            self._put(key, value)

    def _put(self, key: Key, value: Mapping[str, Any]) -> None:
        if not self.state.is_gone(*key):
            self.state.put(*key, value)
