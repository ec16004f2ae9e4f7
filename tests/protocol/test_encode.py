"""Frames that clients get: within the size, and whole again when put together."""

import json

from hypothesis import given
from hypothesis import strategies as st

from aribridge.protocol import encode
from aribridge.transport.webrtc.sdp import LEAST_MAX_MESSAGE_SIZE

texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=2000)


@given(texts, st.integers(300, 5000))
def test_parts_fit_and_join_to_the_reply(text, most):
    reply = encode.encode(encode.reply(7, 200, {"text": text}))
    frames = list(encode.parts(7, reply, most))
    assert all(len(frame.encode()) <= most for frame in frames)
    messages = [json.loads(frame) for frame in frames]
    assert [message["part"] for message in messages] == list(range(1, len(messages) + 1))
    assert [message["last"] for message in messages] == [False] * (len(messages) - 1) + [True]
    assert json.loads("".join(message["text"] for message in messages)) == json.loads(reply)


@given(texts, st.integers(LEAST_MAX_MESSAGE_SIZE, 1100))
def test_parts_are_made_for_the_longest_id_and_the_smallest_carrier(text, most):
    ident = "\x01" * 64
    reply = encode.encode(encode.reply(ident, 200, {"text": text}))
    frames = list(encode.parts(ident, reply, most))
    assert all(len(frame.encode()) <= most for frame in frames)
    assert "".join(json.loads(frame)["text"] for frame in frames) == reply


@given(st.lists(texts, min_size=1, max_size=20), st.integers(100, 3000))
def test_batches_keep_order_and_size(bodies, most):
    frames = [json.dumps({"n": n, "text": body}, ensure_ascii=False) for n, body in enumerate(bodies)]
    sent = list(encode.batches(frames, most))
    unpacked = []
    for frame in sent:
        value = json.loads(frame)
        if isinstance(value, list):
            assert len(frame.encode()) <= most
            unpacked += value
        else:
            unpacked.append(value)
    assert unpacked == [json.loads(frame) for frame in frames]


def test_an_event_is_what_asterisk_sent():
    data = '{"type":"StasisStart", "odd":1.50}'
    frame = encode.event(3, 7, encode.event_tail("k7", 8, data))
    assert json.loads(frame) == {
        "type": "event",
        "sub": 3,
        "epoch": "k7",
        "seq": 8,
        "prev": 7,
        "data": json.loads(data),
    }
    assert data in frame


def test_asterisks_body_goes_through_untouched():
    frame = encode.encode(encode.reply(1, 200, encode.raw(b'{"big":12345678901234567890, "f":1.0}')))
    assert '"body":{"big":12345678901234567890, "f":1.0}' in frame
