"""What acknowledgements tell: what arrived, what was lost, how much may be under way (RFC 9260 sections 6.3 and 7.2).

A chunk counts as lost when three packets have arrived that were sent after the one which carried it. The RFC counts
acknowledgements and TSNs instead; packets find what is lost for a second time as well, and need no acknowledgement
each. Where so few are under way that there will be no three, fewer do (RFC 5827).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from aiortc.rtcsctptransport import USERDATA_MAX_LENGTH, SackChunk

from aribridge.transport.webrtc.fastpath.sending import Sending
from aribridge.transport.webrtc.fastpath.wire import Outgoing, later

_LATER_PACKETS = 3
_GROWTH = 2 * USERDATA_MAX_LENGTH
"""Most that one acknowledgement, which stands for several packets, adds to the congestion window (7.2.1, L = 2)."""
_EARLY = 2 * USERDATA_MAX_LENGTH
"""Most that may be sent beyond the window while packets may only be late, to find out sooner (RFC 3042)."""
_LEAST_THRESHOLD = 4 * USERDATA_MAX_LENGTH
_NO_GAP = (1 << 32, 1 << 32)


class Recovery(Sending):
    """The part of the sending half that takes acknowledgements."""

    _fast_recovery_exit: int | None  # type: ignore[assignment] # aiortc has no annotation

    def _begin_sending(self) -> None:
        super()._begin_sending()
        self._holey = False
        self._noted = 0
        """Acknowledgements that wait for the end of this turn, when they are taken as one."""

    def _note_ack(self, cumulative: int, window: int) -> bool:
        """Note an acknowledgement without gaps; whether it is as new as the last one."""
        if later(self._last_sacked_tsn, cumulative):
            return False
        self._last_sacked_tsn = cumulative
        self._peer_rwnd = window
        self._bursts += 1
        self._noted += 1
        self._schedule()
        return True

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        """Take an acknowledgement (replaces aiortc's, which walks over all that is under way several times)."""
        if self._note_ack(chunk.cumulative_tsn, chunk.advertised_rwnd) and (chunk.gaps or self._holey):
            self._take_noted(chunk.gaps)

    def _take_noted(self, gaps: list[tuple[int, int]]) -> None:
        """Take the acknowledgements that were noted, the last of them with these gaps."""
        noted, self._noted = self._noted, 0
        under_way = len(self._sent_queue)
        arrived, lost = self._take_cumulative(), False
        advanced = len(self._sent_queue) < under_way
        if gaps or self._holey:
            self._holey = bool(gaps)
            arrived += self._take_gaps(gaps)
            lost = self._find_lost(arrived)
        if advanced:
            self._path.acknowledged()
        self._measure(arrived)
        self._adjust_window(arrived, noted, advanced=advanced, lost=lost)
        if not self._sent_queue:
            self._t3_rest()
        elif advanced:
            self._t3_restart()
        if self._unreliable:
            self._update_advanced_peer_ack_point()

    def _measure(self, arrived: list[Outgoing]) -> None:
        """Learn the round trip time from the last chunk that was sent once (Karn's algorithm, section 6.3.1 C5)."""
        for sent in reversed(arrived):
            if sent._sent_count == 1:
                self._update_rto(self._loop.time() - sent._sent_time)
                return

    def _take_cumulative(self) -> list[Outgoing]:
        """Let go of what has arrived without a gap; what was not known to have arrived is returned."""
        queue, last, arrived = self._sent_queue, self._last_sacked_tsn, list[Outgoing]()
        while queue and (last - queue[0].tsn) & 0xFFFFFFFF < 0x80000000:
            sent = queue.popleft()
            if not sent._acked:
                self._take(sent)
                arrived.append(sent)
        return arrived

    def _take_gaps(self, gaps: list[tuple[int, int]]) -> list[Outgoing]:
        """Note what arrived beyond gaps, and is new; what arrived once and is missing now has to be sent again."""
        arrived = []
        ranges = iter(sorted(gaps))
        low, high = next(ranges, _NO_GAP)
        for sent in self._sent_queue:
            offset = (sent.tsn - self._last_sacked_tsn) & 0xFFFFFFFF
            while offset > high:
                low, high = next(ranges, _NO_GAP)
            if offset < low:
                if sent._acked:
                    sent._acked = False
                    self._lose(sent)
            elif not sent._acked:
                self._take(sent)
                arrived.append(sent)
        return arrived

    def _take(self, sent: Outgoing) -> None:
        sent._acked = True
        sent._retransmit = False
        if sent._in_flight:
            sent._in_flight = False
            self._flight_size -= sent._book_size

    def _find_lost(self, arrived: list[Outgoing]) -> bool:
        """Give up waiting for chunks that enough later packets have overtaken; whether there are any."""
        overtaking = sorted({sent._packet for sent in arrived})
        enough = self._enough_packets()
        found = False
        for sent in self._sent_queue:
            if sent._in_flight and overtaking:
                sent._misses += len(overtaking) - bisect_right(overtaking, sent._packet)
                if sent._misses >= enough:
                    self._lose(sent)
                    found = True
        self._collect_lost()
        return found

    def _enough_packets(self) -> int:
        if self._outbound_queue or self._data_channel_queue:
            return _LATER_PACKETS
        under_way = len({sent._packet for sent in self._sent_queue})
        return min(_LATER_PACKETS, max(1, under_way - 1))

    def _lose(self, sent: Outgoing) -> None:
        if not self._maybe_abandon(sent):  # type: ignore[arg-type]
            sent._retransmit = True
        self._flight_size_decrease(sent)  # type: ignore[arg-type]

    def _collect_lost(self) -> None:
        self._lost = deque(sent for sent in self._sent_queue if sent._retransmit)

    def _adjust_window(self, arrived: list[Outgoing], acks: int, *, advanced: bool, lost: bool) -> None:
        """Grow by what arrived, if the window was in use; halve after a loss, once for all losses of one window."""
        if self._fast_recovery_exit is not None:
            if not later(self._fast_recovery_exit, self._last_sacked_tsn):
                self._fast_recovery_exit = None
        elif lost:
            self._ssthresh = self._cwnd = max(self._cwnd // 2, _LEAST_THRESHOLD)
            self._partial_bytes_acked = 0
            self._fast_recovery_exit = self._sent_queue[-1].tsn
            self._fast_recovery_transmit = True
        elif advanced and self._limited:
            self._grow(sum([sent._book_size for sent in arrived]), acks)
        early = self._holey and self._fast_recovery_exit is None
        self._extra = min(self._extra + USERDATA_MAX_LENGTH, _EARLY) if early else 0

    def _grow(self, size: int, acks: int) -> None:
        if self._cwnd <= self._ssthresh:
            self._cwnd += min(size, acks * _GROWTH)
            return
        self._partial_bytes_acked += size
        if self._partial_bytes_acked >= self._cwnd:
            self._partial_bytes_acked -= self._cwnd
            self._cwnd += USERDATA_MAX_LENGTH

    def _t3_fired(self) -> None:
        if self._noted:
            self._take_noted([])
        super()._t3_fired()

    def _t3_expired(self) -> None:
        """Take all that is under way for lost (replaces aiortc's, which sends again what is known to have arrived)."""
        self._path.failed()
        for sent in self._sent_queue:
            if not sent._acked:
                self._lose(sent)
        self._collect_lost()
        self._update_advanced_peer_ack_point()
        self._fast_recovery_exit = None
        self._partial_bytes_acked = 0
        self._ssthresh = max(self._cwnd // 2, _LEAST_THRESHOLD)
        self._cwnd = USERDATA_MAX_LENGTH
        self._schedule()
