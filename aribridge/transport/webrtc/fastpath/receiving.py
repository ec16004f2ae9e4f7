"""The half of an association that receives: each whole message goes straight on, and acknowledgements wait for company.

RFC 9260 section 6.2 wants at least every second packet acknowledged, and each within 200 ms. Here that is every second
packet of what one turn of the event loop brings, and every fourth where one turn brings many: browsers answer an
acknowledgement with at most four packets, so that fewer would slow them down. After a gap or a duplicate each packet
is acknowledged at once, for a while: a sender that recovers has few packets under way, and may wait for each.
"""

from __future__ import annotations

import asyncio
from typing import cast

from aiortc.rtcsctptransport import (
    CHUNK_TYPES,
    SCTP_DATA_UNORDERED,
    DataChunk,
    ForwardTsnChunk,
    InboundStream,
)
from aiortc.utils import uint16_add, uint16_gte

from aribridge.transport.webrtc.fastpath.reassembly import Reassembly
from aribridge.transport.webrtc.fastpath.sound import check_parameters
from aribridge.transport.webrtc.fastpath.turns import Turns
from aribridge.transport.webrtc.fastpath.wire import CHUNK, DATA, MAX_GAPS, SACK_IMMEDIATELY, Header, later, sack

ACK_DELAY = 0.02
"""Seconds that a lone packet waits for another, or for data of ours that takes its acknowledgement along."""
ACK_EVERY = 4
EAGER_PACKETS = 32
"""Packets acknowledged one by one after a gap or a duplicate."""
_WHOLE = 3
_DATA_HEADER = 16
_SKIP = 0x80
"""Bit of the chunk types that are passed over when unknown; at others the rest of the packet is (section 3.2)."""


class Receiving(Turns):
    """Takes packets."""

    def _begin_receiving(self) -> None:
        self._inbound_header = Header(0, 0, 0)
        self._unacked = 0
        self._ack_due = False
        self._eager = 0
        self._ack_handle: asyncio.TimerHandle | None = None

    async def _handle_data(self, data: bytes) -> None:
        """Take a packet (replaces aiortc's, which serves here for what has another header: an INIT has no tag)."""
        if data[:8] != self._inbound_header.head:
            await super()._handle_data(data)
        elif self._inbound_header.intact(data):
            await self._take_chunks(data)

    async def _take_chunks(self, data: bytes) -> None:
        end, start, immediately = len(data), 12, 0
        self._sack_needed = False
        while start + 4 <= end:
            kind, flags, length = CHUNK.unpack_from(data, start)
            stop = start + length
            if length < 4 or stop > end:
                raise ValueError(f"a chunk of {length} bytes in a packet of {end}")
            if kind == DataChunk.type:
                immediately |= flags & SACK_IMMEDIATELY
                await self._take_data(flags, data, start, stop)
            elif chunk := CHUNK_TYPES.get(kind):
                body = data[start + 4 : stop]
                check_parameters(kind, body)
                await self._receive_chunk(chunk(flags=flags, body=body))
            elif not kind & _SKIP:
                break
            start = (stop + 3) & ~3
        if self._sack_needed:
            self._plan_ack(at_once=bool(immediately))

    async def _take_data(self, flags: int, packet: bytes, start: int, stop: int) -> None:
        if stop - start <= _DATA_HEADER:
            raise ValueError("a DATA chunk without data")
        tsn, stream_id, stream_seq, protocol = DATA.unpack_from(packet, start + 4)
        if self._is_expected(flags, tsn, stream_id, stream_seq):
            self._sack_needed = True
            await self._receive(stream_id, protocol, packet[start + _DATA_HEADER : stop])
            if self._reconfig_deferred is not None:
                await self._reset_deferred_streams()
        else:
            await self._receive_data_chunk(DataChunk(flags=flags, body=packet[start + 4 : stop]))

    def _is_expected(self, flags: int, tsn: int, stream_id: int, stream_seq: int) -> bool:
        """Whether a chunk is the very next one and a whole message, which then counts as received."""
        if flags & _WHOLE != _WHOLE or self._sack_misordered or tsn != self._expected_tsn():
            return False
        stream = self._get_inbound_stream(stream_id)
        if not flags & SCTP_DATA_UNORDERED:
            if stream.reassembly or stream_seq != stream.sequence_number:
                return False
            stream.sequence_number = (stream_seq + 1) & 0xFFFF
        self._last_received_tsn = tsn
        return True

    def _expected_tsn(self) -> int:
        assert self._last_received_tsn is not None
        return (self._last_received_tsn + 1) & 0xFFFFFFFF

    def _get_inbound_stream(self, stream_id: int) -> InboundStream:
        if (stream := self._inbound_streams.get(stream_id)) is None:
            stream = self._inbound_streams[stream_id] = Reassembly()
        return stream

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        """Take a fragment, or a message out of order (replaces aiortc's, which looks for whole messages each time)."""
        self._sack_needed = True
        if self._mark_received(chunk.tsn):
            return
        stream = cast(Reassembly, self._get_inbound_stream(chunk.stream_id))
        self._advertised_rwnd -= len(chunk.user_data)
        for message in stream.take(chunk):
            self._advertised_rwnd += len(message[2])
            await self._receive(*message)
        await self._reset_deferred_streams()

    def _mark_received(self, tsn: int) -> bool:
        """Whether a TSN came before (replaces aiortc's, which sorts all those beyond a gap for each chunk)."""
        assert self._last_received_tsn is not None
        misordered = self._sack_misordered
        if tsn in misordered or not later(tsn, self._last_received_tsn):
            self._sack_duplicates.append(tsn)
            return True
        misordered.add(tsn)
        self._close_gap()
        return False

    def _close_gap(self) -> None:
        while (expected := self._expected_tsn()) in self._sack_misordered:
            self._sack_misordered.remove(expected)
            self._last_received_tsn = expected

    async def _receive_forward_tsn_chunk(self, chunk: ForwardTsnChunk) -> None:
        """Wait no longer for what the peer gave up (replaces aiortc's, which drops whole messages that follow it)."""
        self._sack_needed = True
        assert self._last_received_tsn is not None
        if not later(chunk.cumulative_tsn, self._last_received_tsn):
            return
        self._last_received_tsn = chunk.cumulative_tsn
        self._sack_misordered = {tsn for tsn in self._sack_misordered if later(tsn, chunk.cumulative_tsn)}
        self._close_gap()
        for stream in self._inbound_streams.values():
            self._advertised_rwnd += stream.prune_chunks(chunk.cumulative_tsn)
        for stream_id, stream_seq in chunk.streams:
            await self._skip(self._get_inbound_stream(stream_id), stream_seq)
        await self._reset_deferred_streams()

    async def _skip(self, stream: InboundStream, stream_seq: int) -> None:
        """Go on after a message that is given up, unless the stream has done so."""
        if uint16_gte(stream_seq, stream.sequence_number):
            stream.sequence_number = uint16_add(stream_seq, 1)
        for message in stream.pop_messages():
            self._advertised_rwnd += len(message[2])
            await self._receive(*message)

    # acknowledgements

    def _plan_ack(self, *, at_once: bool) -> None:
        """A packet with data came: acknowledge it now, at the end of this turn, or with the next one."""
        self._unacked += 1
        if self._sack_misordered or self._sack_duplicates:
            self._eager = EAGER_PACKETS
        if self._eager or self._unacked >= ACK_EVERY:
            self._eager = max(0, self._eager - 1)
            self._ack_due = True
            self._flush()
        elif self._unacked > 1 or at_once:
            self._ack_due = True
            self._schedule()
        elif self._ack_handle is None:
            self._ack_handle = self._loop.call_later(ACK_DELAY, self._ack_expired)

    def _ack_expired(self) -> None:
        """Acknowledge what is left over. The timer is not cancelled by each acknowledgement: that costs more."""
        self._ack_handle = None
        if self._unacked:
            self._ack_due = True
            self._flush()

    def _cancel_ack(self) -> None:
        self._unacked = 0
        self._ack_due = False
        if self._ack_handle is not None:
            self._ack_handle.cancel()
            self._ack_handle = None

    def _acknowledgement(self) -> bytes:
        """The SACK chunk for all that has come."""
        assert self._last_received_tsn is not None
        chunk = sack(self._last_received_tsn, max(0, self._advertised_rwnd), self._gaps(), self._sack_duplicates)
        self._sack_duplicates.clear()
        self._sack_needed = self._ack_due = False
        self._unacked = 0
        return chunk

    def _gaps(self) -> list[tuple[int, int]]:
        """What came beyond the first gap, as ranges of offsets from the cumulative TSN."""
        gaps: list[tuple[int, int]] = []
        base = self._last_received_tsn or 0
        for offset in sorted((tsn - base) & 0xFFFFFFFF for tsn in self._sack_misordered):
            if gaps and gaps[-1][1] == offset - 1:
                gaps[-1] = (gaps[-1][0], offset)
            elif len(gaps) == MAX_GAPS or offset > 0xFFFF:
                break
            else:
                gaps.append((offset, offset))
        return gaps
