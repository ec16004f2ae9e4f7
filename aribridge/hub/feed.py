"""From the event socket to the stream: read and enqueue on one side, script and append on the other.

Asterisk cuts a reader that is slow (ari.conf, websocket_write_timeout), so the socket's side does nothing but enqueue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from aribridge.core.events import StreamEvent, labels_of
from aribridge.obs import metrics
from aribridge.protocol.problems import Problem
from aribridge.stream import Stream

OnEvent = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""The scripts' say on an event: target and event in; the event, changed or not, or None to drop it."""

_MOST_WAITING = 100_000
_MOST_PUBLISHED = 10_000
"""Events waiting over which scripts may add none: what Asterisk says goes first."""
_PER_TURN = 64

log = structlog.get_logger("aribridge.hub")
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class Feed:
    """Takes what a link tells (an ``ari.LinkSink``) and feeds the target's stream, in order."""

    def __init__(self, stream: Stream, on_event: OnEvent | None) -> None:
        self._stream = stream
        self._on_event = on_event
        self._waiting: deque[str | StreamEvent | Callable[[], None]] = deque()
        self._wake = asyncio.Event()

    def event(self, text: str) -> None:
        """Enqueue one event. Over the bound everything waiting is given up, and subscribers are told of the hole."""
        if len(self._waiting) >= _MOST_WAITING:
            log.warning("events.overrun", target=self._stream.target, given_up=len(self._waiting))
            self._waiting.clear()
            self._waiting.append(self._back)
        self._put(text)

    def publish(self, event: Mapping[str, Any]) -> None:
        """Enqueue an event of a script's own behind what Asterisk sent so far. Raises Problem ``too_many_requests``."""
        if len(self._waiting) >= _MOST_PUBLISHED:
            raise Problem("too_many_requests", f"{len(self._waiting)} events wait for clients already; publish fewer.")
        self._put(StreamEvent(_encode(event).decode(), labels_of(event)))

    def up(self) -> None:
        """The link is there (again): live from here."""
        self._put(self._back)

    def lost(self, reason: str) -> None:
        """The link is gone, as its log says; nothing comes until ``up``."""
        self._put(self._away)

    async def run(self) -> None:
        """Feed the stream for ever, a few events to a turn of the event loop so that clients get theirs meanwhile."""
        while True:
            await self._wake.wait()
            for _ in range(min(_PER_TURN, len(self._waiting))):
                self._feed(self._waiting.popleft())
            if not self._waiting:
                self._wake.clear()
            await asyncio.sleep(0)

    def _put(self, item: str | StreamEvent | Callable[[], None]) -> None:
        self._waiting.append(item)
        self._wake.set()

    def _feed(self, item: str | StreamEvent | Callable[[], None]) -> None:
        if isinstance(item, str):
            self._feed_text(item)
        elif isinstance(item, StreamEvent):
            self._append(item, "published")
        else:
            item()

    def _feed_text(self, text: str) -> None:
        try:
            event = self._read(text)
        except Exception:
            log.exception("event.failed", target=self._stream.target)
            return
        if event is not None:
            self._append(event, event.labels.type)

    def _append(self, event: StreamEvent, kind: str) -> None:
        metrics.events_total.labels(self._stream.target, kind).inc()
        self._stream.append(event)

    def _read(self, text: str) -> StreamEvent | None:
        event = _decode(text)
        if self._on_event is None:
            return StreamEvent(text, labels_of(event))
        changed = self._on_event(self._stream.target, event)
        if changed is None:
            return None
        untouched = changed is event or changed == event
        return StreamEvent(text if untouched else _encode(changed).decode(), labels_of(changed))

    def _back(self) -> None:
        metrics.gaps_total.labels(self._stream.target, "upstream_lost").inc()
        self._stream.break_off("live")

    def _away(self) -> None:
        self._stream.break_off("wait")
