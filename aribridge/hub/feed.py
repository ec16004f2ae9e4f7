"""From the event socket to the stream: read and enqueue on one side; call state, scripts and append on the other.

Asterisk cuts a reader that is slow (ari.conf, websocket_write_timeout), so the socket's side does nothing but enqueue.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
import structlog

from aribridge.core.doubles import Doubles
from aribridge.core.events import StreamEvent, labels_of
from aribridge.core.state.changes import Change
from aribridge.core.state.resync import Resync
from aribridge.core.trace import Traces
from aribridge.hub.resync import Ask, read_state
from aribridge.obs import metrics
from aribridge.protocol.problems import Problem
from aribridge.stream import Stream

OnEvent = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""The scripts' say on an event: target and event in; the event, changed or not, or None to drop it."""

Witness = Callable[[Mapping[str, Any]], None]
"""Who is to know each event of Asterisk's, as it came, before scripts do."""

_UP, _CONTINUED, _LOST = object(), object(), object()
"""What stands in the queue where the link came and went."""

_MOST_WAITING = 100_000
_MOST_PUBLISHED = 10_000
"""Events waiting over which scripts may add none: what Asterisk says goes first."""
_PER_TURN = 64
_TURN_SECONDS = 0.02
"""With slow scripts so many events would take far longer, and everybody else would wait."""
_WRITE_SECONDS = 40e-6
"""What to write to a client after the turn takes at least: so long a turn may take for each, to share it."""
_UNLISTED = ("deviceStates", "playbacks", "recordings")


@dataclass(frozen=True, slots=True)
class _Ownership:
    """From here on, the call of a channel is a script's, or no script's any more."""

    channel: str
    script: str | None


log = structlog.get_logger("aribridge.hub")
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def _nothing() -> None:
    """For who needs not be told."""


class Feed:
    """Takes what a link tells (an ``ari.LinkSink``) and feeds the target's stream, in order.

    After ``up`` the call state is read with ``ask`` first; ``app`` is the application whose objects alone are read,
    None for everything. What comes meanwhile waits, and follows when the stream opens, of which ``on_open`` is told;
    ``on_lost`` is told when the link is lost. ``opened`` is set while the stream is open. A stream of the gateway's
    last run is open already, and what is ``continued`` follows on it. ``witness`` is told each event of Asterisk's.
    """

    def __init__(
        self,
        stream: Stream,
        on_event: OnEvent | None,
        ask: Ask,
        app: str | None,
        on_open: Callable[[], None] = _nothing,
        on_lost: Callable[[], None] = _nothing,
        witness: Witness | None = None,
    ) -> None:
        self.traces = Traces()
        self.opened = asyncio.Event()
        self._stream = stream
        self._on_event = on_event
        self._ask = ask
        self._app = app
        self._on_open = on_open
        self._on_lost = on_lost
        self._witness = witness
        self._waiting: deque[str | object] = deque()
        self._known = 0
        self._sample: tuple[str, float] | None = None
        """One of the events that wait, and when it came: to time each would cost what the figure is for."""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._opening: asyncio.Task[None] | None = None
        self._doubles = Doubles()
        self._reached = 0
        """Most subscriptions that an event of this turn concerned."""
        self._fed: Counter[str] = Counter()
        """Types of events in this turn, which are counted at its end: not one by one, each takes a lock."""
        # Not the event loop's, which is the same but takes a system call to be found (getpid, before Python 3.12).
        self._clock = time.monotonic

    def event(self, text: str) -> None:
        """Enqueue one event. Over the bound everything waiting is given up, and subscribers are told of the hole."""
        if len(self._waiting) >= _MOST_WAITING:
            log.warning("events.overrun", target=self._stream.target, given_up=len(self._waiting))
            self._waiting = deque(item for item in self._waiting if isinstance(item, _Ownership))
            self._sample = None
            self._break_off()
            self.up(continued=False)
        if not self._doubles.has_seen(text, self._clock()):
            self._put(text)

    def publish(self, event: Mapping[str, Any]) -> None:
        """Enqueue an event of a script's own behind what Asterisk sent so far. Raises Problem ``too_many_requests``.

        While the stream is closed it goes the way of Asterisk's own: nothing comes then, and a gap tells of the hole.
        """
        if len(self._waiting) >= _MOST_PUBLISHED:
            raise Problem("too_many_requests", f"{len(self._waiting)} events wait for clients already; publish fewer.")
        self._put(StreamEvent(_encode(event).decode(), labels_of(event, self._stream.subjects(event))))

    def own(self, channel: str, script: str | None) -> None:
        """Show in the call state whose a call is, behind what Asterisk sent so far; None: no script's any more."""
        self._put(_Ownership(channel, script))

    def up(self, *, continued: bool) -> None:
        """The link is there (again): what follows is whole, once the call state is read.

        ``continued``: it follows, without a hole, on the stream as the gateway's last run left it.
        """
        if not continued:
            self._doubles.expect(self._clock())
        self._put(_CONTINUED if continued else _UP)

    def lost(self, reason: str) -> None:
        """The link is gone, as its log says; nothing comes until ``up``."""
        self._break_off()

    @property
    def waiting(self) -> int:
        """How many events are not in the stream yet."""
        return len(self._waiting)

    async def settled(self) -> None:
        """Wait until everything that came so far is in the stream."""
        await self._idle.wait()

    async def run(self) -> None:
        """Feed the stream for ever, a few events to a turn of the event loop so that clients get theirs meanwhile."""
        while True:
            await self._wake.wait()
            began, self._reached = self._clock(), 0
            for _ in range(_PER_TURN):
                if not self._waiting or self._clock() - began >= self._turn_seconds:
                    break
                first = self._waiting[0]
                # Nothing follows on a stream that was given up meanwhile.
                if first is _UP or (first is _CONTINUED and not self._stream.is_open):
                    await self._open()
                else:
                    self._take(first)
                self._taken(first)
            self._count()
            if self._waiting:
                await asyncio.sleep(0)
            else:
                self._wake.clear()
                self._idle.set()

    @property
    def _turn_seconds(self) -> float:
        return max(_TURN_SECONDS, _WRITE_SECONDS * self._reached)

    def _put(self, item: str | object) -> None:
        self._waiting.append(item)
        if self._sample is None and isinstance(item, str):
            self._sample = (item, self._clock())
        self._idle.clear()
        self._wake.set()

    def _break_off(self) -> None:
        self._put(_LOST)
        if self._opening is not None:
            self._opening.cancel()

    def _take(self, first: str | object) -> None:
        """Deal with what stands first in the queue."""
        if first is _CONTINUED:
            self._go_on()
        elif first is _LOST:
            self._lose()
        else:
            self._feed(first)

    def _taken(self, first: str | object) -> None:
        """Take what was dealt with off the queue, unless it was given up meanwhile: what is first now is yet to be."""
        if self._waiting[0] is not first:
            return
        self._waiting.popleft()
        if self._sample is not None and self._sample[0] is first:
            metrics.event_seconds.labels(self._stream.target).observe(self._clock() - self._sample[1])
            self._sample = None

    def _lose(self) -> None:
        self._known = 0
        self.traces.lost()
        if self._stream.is_open:
            self._stream.lost()
        self.opened.clear()
        self._on_lost()

    # --- opening

    def _go_on(self) -> None:
        """The call state is as the last run had it, and its events bring it up to date."""
        self._stream.prove()
        self.opened.set()
        self._on_open()

    async def _open(self) -> None:
        """Read the call state, and open the stream with it unless the link is lost meanwhile."""
        state, self._known = self._stream.state, 0
        resync = Resync([(kind, ident) for kind in _UNLISTED for ident in state.ids(kind)], app=self._app)
        reading = read_state(self._stream.target, resync, self._ask, self._news)
        began = self._clock()
        self._opening = opening = asyncio.create_task(reading)
        try:
            await asyncio.wait([opening])
        finally:
            self._opening = None
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        if not opening.cancelled():
            opening.result()
            metrics.resync_seconds.labels(self._stream.target).observe(self._clock() - began)
            resync.state.inherit_owners(self._stream.state)
            self._stream.open(resync.state)
            self.opened.set()
            self._on_open()

    def _news(self) -> Iterator[dict[str, Any]]:
        """The events that came since the last call; they stay in the queue, for the stream."""
        news = tuple(islice(self._waiting, 1 + self._known, None))
        self._known += len(news)
        decoded = (self._decoded(text) for text in news if isinstance(text, str))
        return (event for event in decoded if event is not None)

    # --- feeding

    def _feed(self, item: str | object) -> None:
        # The call state was read with the known ones taken into account.
        if is_known := self._known > 0:
            self._known -= 1
        if isinstance(item, _Ownership):
            self._feed_ownership(item)
        elif isinstance(item, StreamEvent) and self._stream.is_open:
            self._append(item, (), "published")
        elif isinstance(item, str) and self._stream.is_open:
            self._feed_text(item, is_known=is_known)
        if is_known and not self._known and self._stream.is_open:
            self._stream.settle()

    def _feed_ownership(self, item: _Ownership) -> None:
        changes = self._stream.state.own(item.channel, item.script)
        if changes and self._stream.is_open:
            self._stream.append(None, changes)

    def _feed_text(self, text: str, *, is_known: bool) -> None:
        event = self._decoded(text)
        if event is None:
            return
        try:
            if self._witness is not None:
                self._witness(event)
            changes = self._noted(event, is_known=is_known)
            told = self._told(text, event)
        except Exception:
            log.exception("event.failed", target=self._stream.target)
            return
        if told is not None or changes:
            self._append(told, changes, str(event.get("type", "")))

    def _noted(self, event: dict[str, Any], *, is_known: bool) -> tuple[Change, ...]:
        """Take in whose things are by an event, and what it changed."""
        if not is_known:
            self._stream.note(event)
            return self._stream.state.apply(event, self._clock())
        self._stream.note_known(event)
        return ()

    def _append(self, event: StreamEvent | None, changes: tuple[Change, ...], kind: str) -> None:
        self._fed[kind] += 1
        self._reached = max(self._reached, self._stream.append(event, changes))

    def _count(self) -> None:
        for kind, number in self._fed.items():
            metrics.events_total.labels(self._stream.target, kind).inc(number)
        self._fed.clear()

    def _decoded(self, text: str) -> dict[str, Any] | None:
        try:
            return _decode(text)
        except (msgspec.MsgspecError, RecursionError):
            log.warning("event.unreadable", target=self._stream.target, text=text[:200])
            return None

    def _told(self, text: str, event: dict[str, Any]) -> StreamEvent | None:
        """The event as clients get it: as Asterisk wrote it, unless a script changed it."""
        about, subjects = self.traces.event(event), self._stream.subjects(event)
        if self._on_event is None:
            return StreamEvent(text, labels_of(event, subjects))
        with self.traces.about(about):
            changed = self._on_event(self._stream.target, event)
        if changed is None:
            return None
        if changed is event or changed == event:
            return StreamEvent(text, labels_of(changed, subjects))
        # Whatever a script put in or took out: it may still tell of what the event was about.
        subjects += self._stream.subjects(changed)
        return StreamEvent(_encode(changed).decode(), labels_of(changed, subjects))
