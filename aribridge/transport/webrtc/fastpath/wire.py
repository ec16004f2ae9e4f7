"""SCTP packets as bytes (RFC 9260 section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

from aiortc.rtcsctptransport import (
    SCTP_DATA_CHUNK_HEADER_LENGTH,
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
)
from google_crc32c import extend, value

WORTHWHILE = 128
"""Bytes of a message for which a chunk more is worth a packet that is full."""
MAX_GAPS = 250
"""Gap blocks of a SACK, so that it fits into a packet beside its duplicates."""
MAX_DUPLICATES = 30
SACK_IMMEDIATELY = 0x08
"""Flag of a DATA chunk whose sender wants to know at once that it arrived."""

CHUNK = Struct("!BBH")
PARAMETER = Struct("!HH")
DATA = Struct("!LHHL")
SACK = Struct("!LLHH")
_HEADER = Struct("!HHL")
_ACK_PACKET = Struct("!8s4sBBHLLL")
_DATA_CHUNK = Struct("!BBHLHHL")
_SACK_CHUNK = Struct("!BBHLLHH")
_GAP = Struct("!HH")
_TSN = Struct("!L")
_CHECKSUM = Struct("<L")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Header:
    """The first eight bytes of all packets in one direction of an association, and what they add to the checksum."""

    __slots__ = ("_crc", "head")

    def __init__(self, source_port: int, destination_port: int, tag: int) -> None:
        self.head = _HEADER.pack(source_port, destination_port, tag)
        self._crc: int = value(self.head + bytes(4))

    def packet(self, *chunks: bytes) -> bytes:
        """Make a packet of these chunks."""
        checksum = self._crc
        for chunk in chunks:
            checksum = extend(checksum, chunk)
        return b"".join((self.head, _CHECKSUM.pack(checksum), *chunks))

    def intact(self, packet: bytes) -> bool:
        """Whether the checksum of a packet with this header is right."""
        checksum: int = _CHECKSUM.unpack_from(packet, 8)[0]
        return bool(extend(self._crc, packet[12:]) == checksum)


class Bundle:
    """Chunks put into packets that have ``room``: when the next does not fit, a packet of those before it is done."""

    __slots__ = ("_chunks", "_most", "_size", "number", "packets")

    def __init__(self, number: int, room: int) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._most = room
        self.number = number
        """Of the packet that the next chunk goes into."""
        self.packets: list[list[bytes]] = []

    @property
    def room(self) -> int:
        """Bytes that still fit into the packet at hand."""
        return self._most - self._size

    def add(self, chunk: bytes) -> None:
        """Put a chunk after the others."""
        if self._size + len(chunk) > self._most:
            self.close()
        self._chunks.append(chunk)
        self._size += len(chunk)

    def close(self) -> None:
        """Make a packet of what is there, if anything."""
        if self._chunks:
            self.packets.append(self._chunks)
            self._chunks, self._size = [], 0
            self.number += 1


class Outgoing:
    """A DATA chunk of ours; its fields are those that aiortc gives to one, with its bytes in the place of the data."""

    __slots__ = (
        "_abandoned",
        "_acked",
        "_book_size",
        "_expiry",
        "_in_flight",
        "_max_retransmits",
        "_misses",
        "_packet",
        "_retransmit",
        "_sent_count",
        "_sent_time",
        "flags",
        "packed",
        "stream_id",
        "stream_seq",
        "tsn",
    )

    def __init__(
        self,
        flags: int,
        tsn: int,
        stream_id: int,
        stream_seq: int,
        protocol: int,
        user_data: bytes,
        expiry: float | None,
        max_retransmits: int | None,
    ) -> None:
        self.flags = flags
        self.tsn = tsn
        self.stream_id = stream_id
        self.stream_seq = stream_seq
        size = len(user_data)
        length = SCTP_DATA_CHUNK_HEADER_LENGTH + size
        header = _DATA_CHUNK.pack(0, flags, length, tsn, stream_id, stream_seq, protocol)
        self.packed = b"".join((header, user_data, _PADDING[size & 3]))
        self._expiry = expiry
        self._max_retransmits = max_retransmits
        self._book_size = size
        self._abandoned = False
        self._acked = False
        self._in_flight = False
        self._misses = 0
        self._packet = 0  # number of the packet that it was last sent in
        self._retransmit = False
        self._sent_count = 0
        self._sent_time = 0.0


def fragments(data: bytes, *, ordered: bool, room: int, most: int) -> Iterable[tuple[int, bytes]]:
    """Flags and content of each chunk of a message; a packet takes ``most`` of its bytes.

    One that needs several begins in the ``room`` of the packet at hand: many events are a little longer than a packet,
    and would take two each.
    """
    flags = SCTP_DATA_FIRST_FRAG if ordered else SCTP_DATA_FIRST_FRAG | SCTP_DATA_UNORDERED
    if len(data) <= most:
        return ((flags | SCTP_DATA_LAST_FRAG, data),)
    return _several(flags, data, _first_length(room, most), most)


def _several(flags: int, data: bytes, first: int, most: int) -> Iterator[tuple[int, bytes]]:
    start, stop = 0, first
    while start < len(data):
        last = SCTP_DATA_LAST_FRAG if stop >= len(data) else 0
        yield flags | last, data[start:stop]
        flags &= ~SCTP_DATA_FIRST_FRAG
        start, stop = stop, stop + most


def _first_length(room: int, most: int) -> int:
    length = (room - SCTP_DATA_CHUNK_HEADER_LENGTH) & ~3  # chunks are padded to four bytes
    return length if length >= WORTHWHILE else most


def sack(cumulative: int, window: int, gaps: list[tuple[int, int]], duplicates: list[int]) -> bytes:
    """A SACK chunk; what has no room in a packet is left out."""
    gaps, duplicates = gaps[:MAX_GAPS], duplicates[:MAX_DUPLICATES]
    length = 16 + 4 * (len(gaps) + len(duplicates))
    start = _SACK_CHUNK.pack(3, 0, length, cumulative, window, len(gaps), len(duplicates))
    return b"".join((start, *(_GAP.pack(*gap) for gap in gaps), *map(_TSN.pack, duplicates)))


def plain_ack(packet: bytes, head: bytes) -> tuple[int, int] | None:
    """Cumulative TSN and window of a packet with this head that is a SACK without gaps or duplicates, and no more."""
    if len(packet) != _ACK_PACKET.size:
        return None
    found, _, kind, _, length, cumulative, window, more = _ACK_PACKET.unpack(packet)
    return (cumulative, window) if (found, kind, length, more) == (head, 3, 16, 0) else None


def later(a: int, b: int) -> bool:
    """Whether TSN ``a`` is after ``b`` (serial number arithmetic, RFC 1982)."""
    return 0 < (a - b) & 0xFFFFFFFF < 0x80000000
