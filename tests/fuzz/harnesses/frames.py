"""Text frames of clients, through the state machine of a connection."""

from __future__ import annotations

import msgspec

from aribridge.protocol.connection import Fatal, ProtocolConnection
from aribridge.protocol.decode import Refusal
from aribridge.protocol.messages import ClientMessage, Hello

LONGEST = 16_384
SECONDS = 0.3
FRAME, DEPTH, INFLIGHT = 8192, 32, 20


def try_one(data: bytes) -> None:
    """Frames are lines; the first byte says whether the client has said hello, with which features."""
    connection = ProtocolConnection(
        frame_limit=FRAME, depth_limit=DEPTH, inflight_limit=INFLIGHT, authenticated=bool(data[:1] > b"\x40")
    )
    if data[:1] > b"\x80":
        connection.greet(Hello(id=0, token="t", features=["batch", "parts"]))
    for frame in data[1:].split(b"\n"):
        for message in connection.receive(frame.decode("utf-8", "surrogateescape")):
            _check(message)
            if isinstance(message, Fatal):
                return
        assert 0 <= connection.inflight <= INFLIGHT


def _check(message: ClientMessage | Refusal | Fatal) -> None:
    if isinstance(message, Fatal):
        assert message.slug in {"bad_frame", "frame_too_large"}, message
        _encodable(message.detail)
    elif isinstance(message, Refusal):
        assert message.problem.code in {
            "bad_message", "unknown_type", "hello_required", "duplicate_id", "too_many_requests"
        }, message  # fmt: skip
        _encodable(message.problem.to_error())
    else:
        msgspec.json.encode(message)


def _encodable(value: object) -> None:
    assert len(msgspec.json.encode(value)) < 4096, value
