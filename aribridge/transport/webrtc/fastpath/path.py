"""How large packets may be: what the way to the peer carries is found out with packets that may be lost (RFC 8899).

A probe is a HEARTBEAT, which the peer answers, padded to the size in question (RFC 4820). Without an answer the size
is taken for too large, whatever the reason was. Nothing is probed until there is a message that would need it.
"""

from __future__ import annotations

from secrets import token_bytes
from struct import Struct

from aiortc.rtcsctptransport import (
    SCTP_COMMON_HEADER_LENGTH,
    SCTP_DATA_CHUNK_HEADER_LENGTH,
    SCTP_MAX_PACKET_LENGTH,
    HeartbeatChunk,
)

SIZES = (1412, 1332)
"""Bytes of the packets to try. With DTLS, UDP and IPv6 around them they fill the 1500 bytes that Ethernet carries, and
the 1420 of common tunnels."""
ANSWER_SECONDS = 1.0
"""Least time after which a probe counts as lost."""
_FAILURES = 2
"""Retransmission timers in a row, with nothing acknowledged between them, that show that the way has changed."""
_PAD = 0x84
_NONCE_BYTES = 8
_HEARTBEAT = Struct(f"!BBHHH{_NONCE_BYTES}s")
_PADDING = Struct("!BBH")
_INFO = Struct(f"!HH{_NONCE_BYTES}s")


class Path:
    """What one way carries, as far as it is known."""

    __slots__ = ("_expires", "_failures", "_left", "_nonce", "_probed", "data", "is_worse", "packet", "room")

    def __init__(self) -> None:
        self._carries(SCTP_MAX_PACKET_LENGTH)
        self.is_worse = False
        """Whether it carried more than it does now."""
        self._left = list(SIZES)
        self._probed = 0
        self._nonce = b""
        self._expires = 0.0
        self._failures = 0

    def probe(self, now: float, rto: float) -> bytes:
        """The chunks of the next probe; empty if there is none to be sent now."""
        if not self._left or now < self._expires:
            return b""
        self._probed = self._left.pop(0)
        self._nonce = token_bytes(_NONCE_BYTES)
        self._expires = now + max(ANSWER_SECONDS, 2 * rto)
        heartbeat = _HEARTBEAT.pack(HeartbeatChunk.type, 0, _HEARTBEAT.size, 1, _INFO.size, self._nonce)
        padding = self._probed - SCTP_COMMON_HEADER_LENGTH - len(heartbeat)
        return heartbeat + _PADDING.pack(_PAD, 0, padding) + bytes(padding - _PADDING.size)

    def answered(self, body: bytes) -> None:
        """A HEARTBEAT ACK came: the last probe has arrived, if it is the answer to that."""
        if self._nonce and body == _INFO.pack(1, _INFO.size, self._nonce):
            self._carries(self._probed)
            self._nonce = b""
            self._left.clear()

    def acknowledged(self) -> None:
        """Something has arrived."""
        self._failures = 0

    def failed(self) -> None:
        """A retransmission timer has run out: go back to what every way carries if it is not the first in a row."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self.is_worse = self.packet > SCTP_MAX_PACKET_LENGTH or self.is_worse
            self._carries(SCTP_MAX_PACKET_LENGTH)
            self._nonce = b""
            self._left.clear()

    def _carries(self, packet: int) -> None:
        self.packet = packet
        """Bytes of a packet that it carries."""
        self.room = packet - SCTP_COMMON_HEADER_LENGTH
        """Bytes of a packet that chunks may fill."""
        self.data = (self.room - SCTP_DATA_CHUNK_HEADER_LENGTH) & ~3  # chunks are padded to four bytes
        """Bytes of a message that fit into a packet."""
