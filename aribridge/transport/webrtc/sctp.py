"""The SCTP association that data channels run on: aiortc's, bounded and told apart from its peer.

The one place that knows which SCTP this is, stock or fast. What stands above uses the constructor, ``establish``,
``send_now``, ``stop``, ``channels`` and aiortc's ``RTCDataChannel``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog
from aioice import stun
from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    SCTP_RTO_MAX,
    WEBRTC_BINARY,
    WEBRTC_BINARY_EMPTY,
    WEBRTC_STRING,
    WEBRTC_STRING_EMPTY,
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    InboundStream,
    RTCSctpCapabilities,
    RTCSctpTransport,
    tsn_plus_one,
)
from OpenSSL import SSL

from aribridge.transport.webrtc.dtls import DataDtls
from aribridge.transport.webrtc.fastpath import FastSctp
from aribridge.transport.webrtc.orderly import Orderly

log = structlog.get_logger("aribridge.transport")

WINDOW = 1024 * 1024
"""Bytes that a peer may have under way to us (RFC 9260, advertised receiver window)."""
CHUNK_COST = 1024
"""Bytes that each chunk that waits counts for beside its data. They take less memory, but whoever looks for whole
messages among them walks over all: many small ones would cost more time than large ones."""
STREAMS_PER_CHANNEL = 4
"""Streams that a peer may use for each channel that it may have: those of closed ones stay for a moment."""
MAX_BEYOND_GAP = 2048
"""Chunks noted as received while earlier ones are missing."""
RTO_INITIAL = 0.5
RTO_MARGIN = 0.25
"""Least time beyond the round trip until a packet is sent again. RFC 9260 has 1 s in all, which one lost packet would
cost an interactive client; browsers acknowledge a lone packet after 0.2 s."""
RTO_BACKED_OFF = 3.0
"""Seconds that repeated losses raise that time to, at most, as in Chromium. RFC 9260 has a minute, which a client whose
network was away for some seconds would wait for after its return."""
_MESSAGES = {WEBRTC_STRING, WEBRTC_STRING_EMPTY, WEBRTC_BINARY, WEBRTC_BINARY_EMPTY}


class Association(Orderly):
    """An SCTP association; ``on_channel`` gets each channel that the peer opens, ``on_lost`` the reason of its end.

    ``frame`` bounds a message in bytes. A peer that sends larger ones, opens channels without end or breaks the
    protocol ends its own association, and nothing of it is buffered beyond twice the window.
    """

    def __init__(
        self,
        dtls: DataDtls,
        *,
        frame: int,
        channels: int,
        on_channel: Callable[[RTCDataChannel], None],
        on_lost: Callable[[str], None],
    ) -> None:
        super().__init__(dtls)
        self._rto = RTO_INITIAL
        self._frame = frame
        self._max_channels = channels
        self._window = max(WINDOW, 2 * frame)
        self._advertised_rwnd = self._window
        self._on_lost = on_lost
        self._over = False
        self.on("datachannel", on_channel)

    @property
    def channels(self) -> int:
        """Channels that are open, opening or not yet closed by both sides."""
        return len(self._data_channels)

    async def establish(self, remote_port: int, max_message_size: int) -> None:
        """Begin the handshake; channels open when it is done."""
        await self.start(RTCSctpCapabilities(maxMessageSize=max_message_size), remote_port)

    def send_now(self) -> None:
        """Send what channels were given in this turn of the event loop; aiortc does so later, in a task of its own."""

    async def stop(self) -> None:
        """Abort the association, so that the other side knows at once, and forget what was not sent.

        A resend that is scheduled already finds nothing to send, and starts no timer.
        """
        self._over = True
        await super().stop()
        self._forward_tsn_chunk = None
        self._data_channel_queue.clear()
        self._outbound_queue.clear()
        self._sent_queue.clear()
        self._inbound_streams.clear()

    def _fail(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._on_lost(reason)

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        if state == self.State.CLOSED:
            self._fail("Close PC")  # first, or the channels would be told less than is known
        super()._set_state(state)

    # what arrives

    async def _handle_data(self, data: bytes) -> None:
        """Take a packet. aiortc trusts the peer with assertions, and what they raise would end its DTLS reader."""
        if self._over:
            return
        try:
            await super()._handle_data(data)
        except Exception as exc:
            log.warning("sctp.malformed", error=repr(exc))
            self._fail("SCTP error")

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        """Take a chunk that may have to wait for others; what there is no room for is lost, and sent again.

        aiortc announces a window and takes all that comes. The next chunk is taken in any case, since others wait for
        it: whoever sends more and more that is never whole comes to the limit.
        """
        stream = self._get_inbound_stream(chunk.stream_id)
        if self._advertised_rwnd < -self._window:
            self._fail("Message too large")
        elif not self._is_next(chunk) and (self._advertised_rwnd <= 0 or len(self._sack_misordered) >= MAX_BEYOND_GAP):
            self._sack_needed = True
        elif not self._over:
            waiting = len(stream.reassembly)
            await super()._receive_data_chunk(chunk)
            self._advertised_rwnd -= CHUNK_COST * (len(stream.reassembly) - waiting)

    def _is_next(self, chunk: DataChunk) -> bool:
        assert self._last_received_tsn is not None
        return bool(chunk.tsn == tsn_plus_one(self._last_received_tsn))

    async def _receive_forward_tsn_chunk(self, chunk: ForwardTsnChunk) -> None:
        await super()._receive_forward_tsn_chunk(chunk)
        self._count_waiting()

    async def _reset_deferred_streams(self) -> None:
        streams = len(self._inbound_streams)
        await super()._reset_deferred_streams()
        if len(self._inbound_streams) < streams:
            self._count_waiting()

    def _count_waiting(self) -> None:
        """Count anew what waits, where aiortc leaves out some of what it drops."""
        waiting = [chunk for stream in self._inbound_streams.values() for chunk in stream.reassembly]
        self._advertised_rwnd = self._window - sum(CHUNK_COST + len(chunk.user_data) for chunk in waiting)

    def _get_inbound_stream(self, stream_id: int) -> InboundStream:
        """Find or make a stream; a peer that uses ever more of them, with or without a channel, is ended."""
        if len(self._inbound_streams) > STREAMS_PER_CHANNEL * self._max_channels:
            self._fail("Too many channels")
            raise ValueError("more streams than channels could have")  # the packet may be full of them
        return super()._get_inbound_stream(stream_id)

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        if len(data) > self._frame:
            self._fail("Message too large")
        if not self._over:
            await super()._receive(stream_id, pp_id, data)

    async def _data_channel_receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        """Deliver a message; the first one on an unannounced stream is that of a channel negotiated in advance."""
        if pp_id in _MESSAGES and stream_id not in self._data_channels:
            self._open_negotiated(stream_id)
        await super()._data_channel_receive(stream_id, pp_id, data)
        if self.channels > 2 * self._max_channels:
            self._fail("Too many channels")

    def _open_negotiated(self, stream_id: int) -> None:
        """The other side's ``negotiated: true``: there is no opening message, so that its label is unknown here."""
        channel = RTCDataChannel(self, RTCDataChannelParameters(negotiated=True, id=stream_id))
        self.emit("datachannel", channel)

    # what is sent

    async def _send_chunk(self, chunk: Chunk) -> None:
        """Send a packet, or lose it as a network does: DTLS may be gone while timers still run out."""
        with suppress(ConnectionError, SSL.Error, stun.TransactionError):
            await super()._send_chunk(chunk)

    def _update_rto(self, R: float) -> None:  # noqa: N803 - RFC 9260's own name
        super()._update_rto(R)
        assert self._srtt is not None
        assert self._rttvar is not None
        self._rto = min(self._srtt + max(RTO_MARGIN, 4 * self._rttvar), SCTP_RTO_MAX)

    def _t3_expired(self) -> None:
        super()._t3_expired()
        backed_off = min(2 * self._rto, RTO_BACKED_OFF)  # RFC 9260 section 6.3.3, rule E2, which aiortc leaves out
        self._rto = max(self._rto, backed_off)


class FastAssociation(Association, FastSctp):
    """The same on the fast path."""

    def send_now(self) -> None:
        """Send what channels were given in this turn, and do not wait for its end."""
        self._turn()
