"""Refuses packets that aiortc would read for ever.

aiortc 1.16 steps through the parameters of a chunk by the length that each says it has. One that says 0 keeps it in
place: a packet of 20 bytes would stop the process, and fill its memory.
"""

from __future__ import annotations

from aiortc.rtcsctptransport import (
    SCTP_COMMON_HEADER_LENGTH,
    AbortChunk,
    ErrorChunk,
    HeartbeatAckChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    ReconfigChunk,
    RTCSctpTransport,
)

from aribridge.transport.webrtc.fastpath.wire import CHUNK, PARAMETER

_FIXED = {InitChunk.type: 16, InitAckChunk.type: 16} | dict.fromkeys(
    (kind.type for kind in (HeartbeatChunk, HeartbeatAckChunk, AbortChunk, ErrorChunk, ReconfigChunk)), 0
)
"""Bytes before the parameters, of each kind of chunk that has any."""


class Sound(RTCSctpTransport):
    """aiortc's association, which gets packets that it can read to their end."""

    async def _handle_data(self, data: bytes) -> None:
        start, end = SCTP_COMMON_HEADER_LENGTH, len(data)
        while start + 4 <= end:
            kind, _, length = CHUNK.unpack_from(data, start)
            if length < 4:
                raise ValueError(f"a chunk of {length} bytes")
            check_parameters(kind, data[start + 4 : start + length])
            start += (length + 3) & ~3
        await super()._handle_data(data)


def check_parameters(kind: int, body: bytes) -> None:
    """Raise ValueError where a parameter of a chunk is shorter than its own header (RFC 9260 section 3.2.1)."""
    start, end = _FIXED.get(kind, len(body)), len(body)
    while start + 4 <= end:
        _, length = PARAMETER.unpack_from(body, start)
        if length < 4:
            raise ValueError(f"a parameter of {length} bytes in a chunk of type {kind}")
        start += (length + 3) & ~3
