"""Fragments to messages: one stream of a peer, where what is whole waits for nothing that it need not wait for.

aiortc's leaves out a whole message that comes behind half a one, and drops it once that half is given up.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    DataChunk,
    InboundStream,
)
from aiortc.utils import uint16_add, uint16_gt

from aribridge.transport.webrtc.fastpath.wire import later


class Reassembly(InboundStream):
    """What of a stream has come and is not delivered."""

    def pop_messages(self) -> Iterator[tuple[int, int, bytes]]:
        """Take out the whole messages whose turn it is, each as stream, protocol and content."""
        due = list(self._due())
        taken = {chunk.tsn for piece in due for chunk in piece}
        if taken:
            self.reassembly = [chunk for chunk in self.reassembly if chunk.tsn not in taken]
        for piece in due:
            yield piece[0].stream_id, piece[-1].protocol, b"".join([chunk.user_data for chunk in piece])

    def prune_chunks(self, tsn: int) -> int:
        """Drop what never becomes whole, as nothing more comes up to ``tsn`` (RFC 3758 section 3.6); its bytes."""
        kept: list[DataChunk] = []
        for piece in self._pieces():
            begun = piece[0].flags & SCTP_DATA_FIRST_FRAG
            goes_on = piece[-1].flags & SCTP_DATA_LAST_FRAG or not later(tsn, piece[-1].tsn)
            kept += piece if begun and goes_on else [chunk for chunk in piece if later(chunk.tsn, tsn)]
        dropped = sum(len(c.user_data) for c in self.reassembly) - sum(len(c.user_data) for c in kept)
        self.reassembly = kept
        return dropped

    def _due(self) -> Iterator[list[DataChunk]]:
        for piece in self._pieces():
            first, last = piece[0], piece[-1]
            is_whole = first.flags & SCTP_DATA_FIRST_FRAG and last.flags & SCTP_DATA_LAST_FRAG
            if first.flags & SCTP_DATA_UNORDERED:
                if is_whole:
                    yield piece
                continue
            if not is_whole or uint16_gt(first.stream_seq, self.sequence_number):
                return
            if first.stream_seq == self.sequence_number:
                self.sequence_number = uint16_add(first.stream_seq, 1)
            yield piece

    def _pieces(self) -> Iterator[list[DataChunk]]:
        """Chunks that follow each other in one message."""
        piece: list[DataChunk] = []
        for chunk in self.reassembly:
            if piece and not _follows(piece[-1], chunk):
                yield piece
                piece = []
            piece.append(chunk)
        if piece:
            yield piece


def _follows(before: DataChunk, chunk: DataChunk) -> bool:
    is_next = chunk.tsn == (before.tsn + 1) & 0xFFFFFFFF
    return is_next and not before.flags & SCTP_DATA_LAST_FRAG and not chunk.flags & SCTP_DATA_FIRST_FRAG
