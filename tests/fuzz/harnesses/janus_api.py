"""Messages of the Janus API: their JSON, their shape, and the answer to each."""

from __future__ import annotations

import json

from aribridge.janus.errors import Code, JanusError, error_reply
from aribridge.janus.requests import MAX_ID, Address, check_fields, parse
from aribridge.janus.wire import decode_all, decode_one, encode

LONGEST = 16_384
SECONDS = 0.3


def try_one(data: bytes) -> None:
    """The first byte says by which door: WebSocket, or POST to the root, to a session or to a handle."""
    text = data[1:].decode("utf-8", "surrogateescape")
    if data[:1] < b"\x80":
        _each(text, path=None)
    else:
        session, handle = divmod(data[0] - 0x80, 4)
        _each(text, path=Address(session, handle), only_one=True)


def _each(text: str, path: Address | None, *, only_one: bool = False) -> None:
    try:
        values = [decode_one(text)] if only_one else decode_all(text)
    except JanusError as error:
        assert error.code is Code.INVALID_JSON, error
        encode(error_reply(error, None))
        return
    for value in values:
        try:
            request = parse(value, path)
        except JanusError as error:
            assert error.code in {455, 456, 457, 453, 458, 467}, error
            assert len(encode(error_reply(error, value))) <= 1000 + len(encode({"": value})), error
            continue
        assert 0 <= request.session_id <= MAX_ID
        assert 0 <= request.handle_id <= MAX_ID
        assert json.loads(encode(request.reply("ack")))["transaction"] == request.transaction
        for secret in filter(None, (request.token, request.apisecret)):
            assert len(secret) < 8 or secret in request.transaction or secret not in repr(request)
        try:
            check_fields(request.fields, request.spec.fields)
        except JanusError as error:
            assert json.loads(encode(request.error(error)))["error"]["code"] in {456, 467}
