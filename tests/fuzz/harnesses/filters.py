"""Filters of subscriptions: made from a client's JSON, and asked about events that carry what the client named."""

from __future__ import annotations

import msgspec

from aribridge.core.events import labels_of
from aribridge.core.filters import Filter
from aribridge.protocol.decode import Refusal, decode_message
from aribridge.protocol.messages import Subscribe
from aribridge.protocol.problems import Problem

LONGEST = 8192
SECONDS = 0.3


def try_one(data: bytes) -> None:
    """A first line with the members of a filter, a second one with an event."""
    spec, _, event = data.partition(b"\n")
    try:
        message = decode_message(b'{"type":"subscribe","id":1,"sub":1,"filter":%b}' % spec)
    except Problem as problem:
        assert problem.code == "bad_frame"
        return
    if isinstance(message, Refusal):
        assert message.problem.code == "bad_message", message
        return
    assert isinstance(message, Subscribe)
    labels = labels_of(_event(event))
    for objects in (False, True):
        try:
            made = Filter(message.filter, objects=objects)
        except Problem as problem:
            assert problem.code == "bad_filter"
            msgspec.json.encode(problem.to_error())
            continue
        assert isinstance(made.passes(labels), bool)
        assert isinstance(made.selects(labels), bool)
        assert isinstance(made.takes(labels.type), bool)
        assert not made.passes(labels) or made.takes(labels.type)


def _event(text: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return {"type": "ChannelVarset", "channel": {"id": text.decode("utf-8", "replace")}}
