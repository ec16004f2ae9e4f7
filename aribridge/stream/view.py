"""One client's view of a log: tells what follows where the client stands, as fast as the client takes it.

A view that keeps up is handed each entry that may concern it as it comes. One that does not (it resumes from long ago,
or its client reads slowly) reads on from the history when there is room, so that nothing piles up for it; if the
history has moved on meanwhile, a gap says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from aribridge.core.filters import Filter
from aribridge.core.history import Entry
from aribridge.core.policy.scope import Sight
from aribridge.obs import metrics
from aribridge.protocol import encode
from aribridge.protocol.messages import Position
from aribridge.stream.log import Log
from aribridge.stream.pages import pages

LOOKS = 256
"""Entries of the history that are looked at in one go; what changed in them is joined to one patch."""


class Sink(Protocol):
    """The way to one client."""

    @property
    def room(self) -> bool:
        """Whether it takes more; always asked for before ``put``."""

    def put(self, frame: str) -> None:
        """Send a frame, in order."""

    def wake(self) -> None:
        """There is something to read from a view: call ``next`` when there is room."""

    def give_up(self) -> None:
        """The client is too slow even for gaps: end the connection."""


class View:
    """What events and call state views share. ``told`` is where the client stands, ``seen`` what was looked at.

    A view is handed only what concerns it, so ``seen`` counts only while it ``lags``: else it is the head of the log.
    """

    def __init__(self, log: Log, sub: int, filter_: Filter, sink: Sink, most: int, *, snapshots: bool) -> None:
        self.sub = sub
        self._log = log
        self._filter = filter_
        self._sink = sink
        self._most = most
        self._snapshots = snapshots
        self._epoch = log.epoch
        self._told = self._seen = log.head
        self._lags = False
        self._looked = 0
        """Entries since the last rest."""
        self._gap: tuple[dict[str, Any], str] | None = None
        self._pages: Iterator[str | None] | None = None
        self._is_slow = False

    # --- for the subscriber

    def begin(self, since: Position | None, *, always: bool) -> str:
        """Take up where the client stands; return the mode for the reply: live, replay or snapshot.

        ``always``: the client wants a snapshot even if it can have everything since its position.
        """
        reason = None if since is None else self._log.refusal(since)
        if since is not None and reason is not None:
            self._gap = ({"epoch": since.epoch, "seq": since.seq}, reason)
        elif since is not None and not always:
            self._told = self._seen = since.seq
            self._lags = self._seen < self._log.head
            return "replay"
        elif not self._log.is_open:
            self._gap = (self.position, "upstream_lost")
        elif self._snapshots:
            self._page()
        return "snapshot" if self._snapshots and self._log.is_open else "live"

    @property
    def filter(self) -> Filter:
        """What it selects."""
        return self._filter

    @property
    def position(self) -> dict[str, Any]:
        """Where the client stands, as messages carry it: before a gap that it was not told yet."""
        return {"epoch": self._epoch, "seq": self._told} if self._gap is None else self._gap[0]

    def bring_up(self) -> dict[str, Any] | None:
        """Bring the client up to what was looked at, since nothing is outstanding; None while it gets a snapshot."""
        if self._gap is not None or self._pages is not None:
            return None
        self._told = self._seen if self._lags else self._log.head
        return self.position

    @property
    def behind(self) -> bool:
        """Whether ``next`` has something to do."""
        return self._lags or self._gap is not None or self._pages is not None

    def next(self) -> str | None:
        """The next frame for the client; None when there is none, or it is others' turn first (see ``behind``)."""
        if self._gap is not None:
            return self._tell_gap(*self._gap)
        if self._pages is not None:
            frame = next(self._pages, "")
            if frame != "":
                return frame
            self._pages = None
        if not self._lags:
            self._is_slow = False
            return None
        if not self._log.history.follows(self._seen):
            return self._too_slow()
        if self._looked >= self._looks:
            self._looked = 0
            return None
        was = self._seen
        frame = self._read_on()
        self._looked += self._seen - was
        self._lags = self._seen < self._log.head
        return frame

    # --- for the stream

    def push(self, entry: Entry) -> None:
        """Take the entry that was just added to the log, and may concern this view."""
        if not self.behind and self._sink.room:
            self._is_slow = False
            frame = self._read((entry,))
            if frame is not None:
                self._sink.put(frame)
            return
        if not self._lags:
            self._lags, self._seen = True, entry.seq - 1
        self._sink.wake()

    def interrupt(self, reason: str, end: int) -> None:
        """The log has begun a new epoch, the last one's head was ``end``: tell it.

        If an earlier gap is still to be told, that covers it.
        """
        if self._gap is None:
            self._gap = ({"epoch": self._epoch, "seq": self._seen if self._lags else end}, reason)
        self._pages = None
        self._epoch = self._log.epoch
        self._stand_at(0)
        self._sink.wake()

    def rejudge(self, sight: Sight | None) -> None:
        """From here on the client may see other things; what waits for it is judged anew, so it gets a gap."""
        if sight == self._filter.sight:
            return
        self._filter.sight = sight
        if self._gap is None:
            self._gap = (self.position, "policy_changed")
        self._pages = None
        self._stand_at(self._log.head)
        self._sink.wake()

    # --- for each mode

    def _read_on(self) -> str | None:
        """Read from the history, up to ``_last_look``."""
        raise NotImplementedError

    def _read(self, entries: Sequence[Entry]) -> str | None:
        """What entries that follow ``seen`` mean to this client."""
        raise NotImplementedError

    @property
    def _looks(self) -> int:
        return self._filter.spread(LOOKS)

    def _last_look(self) -> int:
        """The last entry to look at in this go."""
        return min(self._log.head, self._seen + self._looks - self._looked)

    # --- gaps and snapshots

    def _too_large(self) -> str:
        """What was looked at last does not fit in a frame for this client."""
        was, self._told = self.position, self._seen
        metrics.gaps_total.labels(self._log.target, "event_too_large").inc()
        return encode.gap(self.sub, was, self.position, "event_too_large", "live")

    def _too_slow(self) -> str | None:
        if self._is_slow:
            # It did not catch up since the last such gap: the next one would not help either.
            self._sink.give_up()
            return None
        self._is_slow = True
        was = self.position
        self._stand_at(self._log.head)
        return self._tell_gap(was, "slow_consumer")

    def _tell_gap(self, was: dict[str, Any], reason: str) -> str:
        self._gap = None
        following = "wait"
        if self._log.is_open:
            following = "snapshot" if self._snapshots else "live"
        if following == "snapshot":
            self._page()
        metrics.gaps_total.labels(self._log.target, reason).inc()
        return encode.gap(self.sub, was, self.position, reason, following)

    def _page(self) -> None:
        self._epoch = self._log.epoch
        self._stand_at(self._log.head)
        self._pages = pages(self._log, self.sub, self._filter.selects, self._most, self._looks)

    def _stand_at(self, head: int) -> None:
        self._told = self._seen = head
        self._lags = False
