"""The half of an association that sends: messages to chunks, and chunks to packets as far as the windows allow."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, cast

from aiortc.rtcsctptransport import (
    SCTP_MAX_BURST,
    USERDATA_MAX_LENGTH,
    WEBRTC_BINARY,
    WEBRTC_BINARY_EMPTY,
    WEBRTC_DCEP,
    WEBRTC_STRING,
    WEBRTC_STRING_EMPTY,
)

from aribridge.transport.webrtc.fastpath.path import Path
from aribridge.transport.webrtc.fastpath.turns import Turns
from aribridge.transport.webrtc.fastpath.wire import Bundle, Outgoing, fragments

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

_ANY_WINDOW = 1 << 32
_GRAIN = 0.001
"""Seconds that a timer may ring early: uvloop's are of whole milliseconds."""


class Sending(Turns):
    """Sends, once in each turn of the event loop, what fits into the congestion window and the peer's own."""

    _outbound_queue: deque[Outgoing]  # type: ignore[assignment]
    _sent_queue: deque[Outgoing]  # type: ignore[assignment]

    def _begin_sending(self) -> None:
        self._packets_sent = 0
        self._path = Path()
        self._probe = False
        self._lost: deque[Outgoing] = deque()
        self._peer_rwnd = _ANY_WINDOW  # until its first acknowledgement tells
        self._bursts = 0
        self._limited = False
        self._extra = 0
        self._unreliable = False
        self._t3_deadline: float | None = None
        self._t3_handle: asyncio.TimerHandle | None = None
        self._t3_rings = 0.0

    async def _data_channel_flush(self) -> None:
        self._schedule()

    async def _transmit(self) -> None:
        self._schedule()

    def _has_data(self) -> bool:
        """Whether there is anything that could be sent now."""
        waiting = self._lost or self._outbound_queue or self._data_channel_queue
        return bool(waiting) or self._forward_tsn_chunk is not None

    def _send_waiting(self, bundle: Bundle) -> None:
        """Send what waits, as far as there is room."""
        if self._forward_tsn_chunk is not None:
            bundle.add(bytes(self._forward_tsn_chunk))
            self._forward_tsn_chunk = None
            self._t3_start()
        window = self._may_be_under_way()
        if self._send_lost(bundle, window):
            self._send_new(bundle, window)
        if self._sent_queue:
            self._t3_start()

    def _note_windows(self) -> None:
        """After a flush: what acknowledgements allow is used up, and whether the congestion window was."""
        self._bursts = 0
        self._limited = self._flight_size >= self._cwnd

    def _data_channel_send(self, channel: RTCDataChannel, data: str | bytes) -> None:
        """Queue a message (replaces aiortc's, which makes a task for each)."""
        if isinstance(data, str):
            protocol, content = (WEBRTC_STRING, data.encode()) if data else (WEBRTC_STRING_EMPTY, b"\0")
        else:
            protocol, content = (WEBRTC_BINARY, data) if data else (WEBRTC_BINARY_EMPTY, b"\0")
        most = self._remote_max_message_size
        if most and len(content) > most:
            raise ValueError(f"The other side takes messages of up to {most} bytes; this one has {len(content)}.")
        channel._addBufferedAmount(len(content))
        self._data_channel_queue.append((channel, protocol, content))
        self._schedule()

    def _next_message(self, room: int) -> bool:
        """Cut the next message that waits into chunks, for a packet with ``room``; False before it may be sent."""
        if self._association_state != self.State.ESTABLISHED:
            return False
        channel, protocol, data = self._data_channel_queue.popleft()
        if channel.id is None:
            self._give_id(channel)
        stream_id = cast(int, channel.id)
        if protocol == WEBRTC_DCEP:
            self._cut(stream_id, protocol, data, room)
            return True
        lifetime, retransmits = channel.maxPacketLifeTime, channel.maxRetransmits
        expiry = time.time() + lifetime / 1000 if lifetime is not None else None
        self._unreliable = self._unreliable or expiry is not None or retransmits is not None
        self._cut(stream_id, protocol, data, room, expiry, retransmits, ordered=channel.ordered)
        channel._addBufferedAmount(-len(data))
        return True

    def _give_id(self, channel: RTCDataChannel) -> None:
        stream_id = cast(int, self._data_channel_id)
        while stream_id in self._data_channels:
            stream_id += 2
        self._data_channels[stream_id] = channel
        channel._setId(stream_id)

    def _cut(
        self,
        stream_id: int,
        protocol: int,
        data: bytes,
        room: int,
        expiry: float | None = None,
        max_retransmits: int | None = None,
        *,
        ordered: bool = True,
    ) -> None:
        stream_seq = self._outbound_stream_seq.get(stream_id, 0) if ordered else 0
        tsn, most = self._local_tsn, self._path.data
        self._probe = self._probe or len(data) > most
        for flags, part in fragments(data, ordered=ordered, room=room, most=most):
            chunk = Outgoing(flags, tsn, stream_id, stream_seq, protocol, part, expiry, max_retransmits)
            self._outbound_queue.append(chunk)
            tsn = (tsn + 1) & 0xFFFFFFFF
        self._local_tsn = tsn
        if ordered:
            self._outbound_stream_seq[stream_id] = (stream_seq + 1) & 0xFFFF

    # how much

    def _may_be_under_way(self) -> int:
        """Bytes that may be under way after this flush (RFC 9260 section 6.1)."""
        burst = 2 if self._fast_recovery_exit is not None else SCTP_MAX_BURST
        allowed = self._flight_size + burst * max(1, self._bursts) * USERDATA_MAX_LENGTH
        return min(allowed, self._cwnd + self._extra, self._peer_rwnd)

    def _send_lost(self, bundle: Bundle, window: int) -> bool:
        """Send again what counts as lost; False if not all of it may go now.

        One packet may go whatever the window is: the first of a fast recovery (RFC 9260 section 7.2.4), or a probe.
        """
        free = self._path.room if self._fast_recovery_transmit else 0
        self._fast_recovery_transmit = False
        while self._lost:
            chunk = self._lost[0]
            if chunk._retransmit:
                size = len(chunk.packed)
                if self._flight_size >= window and self._flight_size and size > free:
                    return False
                free -= size
                chunk._retransmit = False
                self._send_data(bundle, chunk)
                if chunk is self._sent_queue[0]:
                    self._t3_restart()
            self._lost.popleft()
        return True

    def _send_new(self, bundle: Bundle, window: int) -> None:
        """Send what was not sent before; one chunk may go although the peer has no room, to hear when it has."""
        now, waiting, sent = self._loop.time(), self._outbound_queue, self._sent_queue
        while self._flight_size < window or not sent:
            if not waiting and not (self._data_channel_queue and self._next_message(bundle.room)):
                break
            chunk = waiting.popleft()
            sent.append(chunk)
            chunk._sent_time = now
            self._send_data(bundle, chunk)

    def _send_data(self, bundle: Bundle, chunk: Outgoing) -> None:
        chunk._misses = 0
        chunk._sent_count += 1
        if not chunk._in_flight:
            chunk._in_flight = True
            self._flight_size += chunk._book_size
        bundle.add(chunk.packed)
        chunk._packet = bundle.number

    # the retransmission timer is left to run: moving it with each acknowledgement costs more than one idle wake-up

    def _t3_start(self) -> None:
        if self._t3_deadline is None:
            self._t3_restart()

    def _t3_restart(self) -> None:
        self._t3_deadline = self._loop.time() + self._rto
        if self._t3_handle is not None and self._t3_rings > self._t3_deadline:
            self._t3_handle.cancel()
            self._t3_handle = None
        if self._t3_handle is None:
            self._t3_ring_at(self._t3_deadline)

    def _t3_ring_at(self, time: float) -> None:
        # uvloop's handle of a call that is due at once does not know when that is.
        self._t3_rings, self._t3_handle = time, self._loop.call_at(time, self._t3_fired)

    def _t3_rest(self) -> None:
        """Nothing is under way that could be lost."""
        self._t3_deadline = None

    def _t3_cancel(self) -> None:
        self._t3_rest()
        if self._t3_handle is not None:
            self._t3_handle.cancel()
            self._t3_handle = None

    def _t3_fired(self) -> None:
        self._t3_handle = None
        if self._t3_deadline is None:
            return
        if self._loop.time() < self._t3_deadline - _GRAIN:
            self._t3_ring_at(self._t3_deadline)
        else:
            self._t3_deadline = None
            self._t3_expired()
