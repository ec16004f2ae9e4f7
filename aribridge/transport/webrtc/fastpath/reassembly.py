"""Fragments to messages: one stream of a peer, where what is whole waits for nothing that it need not wait for.

aiortc's passes over a whole message that comes behind half a one, and drops it once that half is given up. It also
walks over all that waits for each fragment that comes, of which a peer can make very many.
"""

from __future__ import annotations

from bisect import bisect_left
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

Message = tuple[int, int, bytes]
"""Stream, protocol and content."""


class Reassembly(InboundStream):
    """What of a stream has come and is not delivered, in the order of its TSNs."""

    def take(self, chunk: DataChunk) -> Iterator[Message]:
        """Take a chunk that did not come before; the messages whose turn it is then."""
        at = self._add(chunk)
        if not (found := self._whole(at)):
            return
        if chunk.flags & SCTP_DATA_UNORDERED:
            piece = self.reassembly[found]
            del self.reassembly[found]
            yield _message(piece)
        elif not uint16_gt(chunk.stream_seq, self.sequence_number):
            yield from self.pop_messages()

    def pop_messages(self) -> Iterator[Message]:
        """Take out the ordered messages whose turn it is."""
        due = list(self._due())
        taken = {chunk.tsn for piece in due for chunk in piece}
        if taken:
            self.reassembly = [chunk for chunk in self.reassembly if chunk.tsn not in taken]
        yield from map(_message, due)

    def prune_chunks(self, tsn: int) -> int:
        """Drop what never becomes whole, as nothing more comes up to ``tsn`` (RFC 3758 section 3.6); its bytes."""
        before, kept = self.reassembly, list[DataChunk]()
        for piece in self._pieces():
            goes_on = piece[-1].flags & SCTP_DATA_LAST_FRAG or not later(tsn, piece[-1].tsn)
            keeps_all = piece[0].flags & SCTP_DATA_FIRST_FRAG and goes_on
            kept += piece if keeps_all else [chunk for chunk in piece if later(chunk.tsn, tsn)]
        self.reassembly = kept
        return sum(len(chunk.user_data) for chunk in before) - sum(len(chunk.user_data) for chunk in kept)

    def _add(self, chunk: DataChunk) -> int:
        """Put a chunk where it belongs, and say where that is."""
        waiting = self.reassembly
        if not waiting or later(chunk.tsn, waiting[-1].tsn):
            waiting.append(chunk)
            return len(waiting) - 1
        lowest = chunk.tsn - 0x80000000
        at = bisect_left(waiting, 0x80000000, key=lambda other: (other.tsn - lowest) & 0xFFFFFFFF)
        waiting.insert(at, chunk)
        return at

    def _whole(self, at: int) -> slice | None:
        """Where the message is that this chunk is a part of, if all of it is there."""
        waiting, start, stop = self.reassembly, at, at
        if not self._is_followed(at):
            return None  # at once, since nearly all that come in order end here
        while not waiting[start].flags & SCTP_DATA_FIRST_FRAG:
            if not start or not _follows(waiting[start - 1], waiting[start]):
                return None
            start -= 1
        while self._is_followed(stop):
            if waiting[stop].flags & SCTP_DATA_LAST_FRAG:
                return slice(start, stop + 1)
            stop += 1
        return None

    def _is_followed(self, at: int) -> bool:
        """Whether the rest of a message may be there: the next chunk is, or none is missing."""
        waiting = self.reassembly
        if waiting[at].flags & SCTP_DATA_LAST_FRAG:
            return True
        return at + 1 < len(waiting) and _follows(waiting[at], waiting[at + 1])

    def _due(self) -> Iterator[list[DataChunk]]:
        for piece in self._pieces():
            first, last = piece[0], piece[-1]
            if first.flags & SCTP_DATA_UNORDERED:
                continue
            is_whole = first.flags & SCTP_DATA_FIRST_FRAG and last.flags & SCTP_DATA_LAST_FRAG
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


def _message(piece: list[DataChunk]) -> Message:
    return piece[0].stream_id, piece[0].protocol, b"".join([chunk.user_data for chunk in piece])
