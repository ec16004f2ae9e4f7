"""Frames that clients send: understood, or refused with a reason that names the fault."""

import difflib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aribridge.protocol.decode import Refusal, decode_frame
from aribridge.protocol.messages import Hello, Request, RestRequest
from aribridge.protocol.problems import Problem

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


def refusal(message: object) -> Refusal:
    [item] = decode_frame(json.dumps(message), batch=False)
    assert isinstance(item, Refusal)
    return item


@pytest.mark.parametrize(
    ("message", "code", "named"),
    [
        ({"type": "request", "id": 1, "pth": "/x"}, "bad_message", "pth"),
        ({"type": "request", "id": 1, "timeout_ms": 0}, "bad_message", "timeout_ms"),
        ({"type": "request", "id": 1, "query": []}, "bad_message", "query"),
        ({"type": "subscribe", "id": 1}, "bad_message", "sub"),
        ({"type": "subscribe", "id": 1, "sub": 1, "mode": "all"}, "bad_message", "mode"),
        ({"type": "subscribe", "id": 1, "sub": 1, "since": {"seq": 3}}, "bad_message", "epoch"),
        ({"type": "hello", "id": 1, "features": "batch"}, "bad_message", "features"),
        ({"type": "reqest", "id": 1}, "unknown_type", '"request"'),
        ({"type": "event", "id": 1}, "unknown_type", "Known are"),
        ({"type": 3, "id": 1}, "unknown_type", "3"),
        ({"id": 1}, "bad_message", "type"),
    ],
)
def test_a_bad_message_is_refused_to_its_id_and_names_the_fault(message, code, named):
    refused = refusal(message)
    assert refused.id == 1
    assert refused.problem.code == code
    assert named in refused.problem.detail


def test_what_is_refused_before_it_is_paid_for_costs_next_to_nothing(monkeypatch):
    """A frame of a thousand unknown types, each with the nearest known one, took a tenth of a second."""
    monkeypatch.setattr(difflib.SequenceMatcher, "ratio", lambda _: pytest.fail("compared"))
    assert len(decode_frame(json.dumps([{"type": "reqest"}] * 1000), batch=True)) == 1000


@pytest.mark.parametrize("ident", [True, 1.5, None, "", "x" * 65, 2**60, [1]])
def test_an_unreadable_id_is_not_answered_to(ident):
    assert refusal({"type": "request", "id": ident, "method": "GET", "path": "/channels"}).id is None


@pytest.mark.parametrize("frame", ["", "{", "1", '"x"', "null", "nonsense", '{"a":1}{"b":2}', "[" * 100_000])
def test_what_is_no_object_ends_the_connection(frame):
    with pytest.raises(Problem) as caught:
        decode_frame(frame, batch=True)
    assert caught.value.code == "bad_frame"


def test_an_array_is_taken_only_from_a_client_that_said_batch():
    frame = '[{"type":"ping","t":1},{"type":"ping","t":2}]'
    assert [ping.t for ping in decode_frame(frame, batch=True)] == [1, 2]
    with pytest.raises(Problem, match="batch"):
        decode_frame(frame, batch=False)


def test_both_forms_of_a_command_and_asterisks_own():
    frame = json.dumps(
        [
            {"type": "request", "id": "a", "method": "GET", "path": "/channels"},
            {"type": "request", "id": 2, "op": "channels.list", "lane": "x"},
            {"type": "RESTRequest", "method": "GET", "uri": "channels", "unknown": 1},
            {"type": "hello", "id": 0, "token": "t", "subs": [{"sub": 1}]},
        ]
    )
    kinds = [type(message) for message in decode_frame(frame, batch=True)]
    assert kinds == [Request, Request, RestRequest, Hello]


def outcomes(frame: str) -> set[str]:
    """What becomes of a frame: the codes of what is refused, "taken" for what is not."""
    try:
        items = decode_frame(frame, batch=True)
    except Problem as problem:
        return {problem.code}
    return {item.problem.code if isinstance(item, Refusal) else "taken" for item in items}


@given(json_values)
def test_any_json_is_taken_or_refused_for_a_reason(value):
    assert outcomes(json.dumps(value)) <= {"taken", "bad_message", "unknown_type", "bad_frame"}


@given(st.text())
def test_any_text_is_taken_or_refused_for_a_reason(text):
    assert outcomes(text) <= {"taken", "bad_message", "unknown_type", "bad_frame"}
