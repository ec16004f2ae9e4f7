"""The state machine of one connection."""

import json

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aribridge.protocol.connection import Fatal, ProtocolConnection
from aribridge.protocol.decode import Refusal
from aribridge.protocol.messages import Hello, Ping, Request, RestRequest


def connection(*, authenticated=True, frame=1000, inflight=2):
    return ProtocolConnection(frame_limit=frame, depth_limit=64, inflight_limit=inflight, authenticated=authenticated)


def feed(machine, **message):
    [item] = machine.receive(json.dumps(message))
    return item


def test_before_hello_nothing_but_a_ping_is_done():
    machine = connection(authenticated=False)
    refused = feed(machine, type="request", id=1, op="channels.list")
    assert isinstance(refused, Refusal)
    assert refused.problem.code == "hello_required"
    assert isinstance(feed(machine, type="ping", t=1), Ping)
    hello = feed(machine, type="hello", id=2, token="t")
    assert isinstance(hello, Hello)
    machine.greet(hello)
    assert isinstance(feed(machine, type="request", id=1, op="channels.list"), Request)


def test_a_second_hello_is_refused():
    machine = connection()
    machine.greet(feed(machine, type="hello", id=1))
    assert isinstance(feed(machine, type="hello", id=2), Refusal)


def test_a_duplicate_id_is_refused_until_the_first_is_answered():
    machine = connection()
    feed(machine, type="request", id=1, op="channels.list")
    assert feed(machine, type="request", id=1, op="channels.list").problem.code == "duplicate_id"
    machine.answered(1)
    assert isinstance(feed(machine, type="request", id=1, op="channels.list"), Request)


def test_over_the_limit_a_request_is_refused_in_its_own_form():
    machine = connection(inflight=1)
    assert isinstance(feed(machine, type="RESTRequest", method="GET", uri="channels"), RestRequest)
    assert feed(machine, type="request", id=1, op="channels.list").problem.code == "too_many_requests"
    assert feed(machine, type="RESTRequest", method="GET", uri="channels").rest is not None


def test_binary_too_large_and_unreadable_frames_are_fatal():
    assert [item.slug for item in connection().receive(b"{}")] == ["bad_frame"]
    assert [item.slug for item in connection().receive(" " * 1001)] == ["frame_too_large"]
    assert [item.slug for item in connection().receive("ü" * 600)] == ["frame_too_large"]
    assert [item.slug for item in connection().receive("nonsense")] == ["bad_frame"]
    assert isinstance(feed(connection(), type="request", id=True), Fatal)


class InFlight(RuleBasedStateMachine):
    """Whatever comes in whatever order, the requests in flight are those that were admitted and not answered."""

    def __init__(self):
        super().__init__()
        self.machine = connection(inflight=3)
        self.admitted: list[int | None] = []

    @rule(ident=st.integers(0, 4))
    def request(self, ident):
        item = feed(self.machine, type="request", id=ident, op="channels.list")
        if ident in self.admitted or len(self.admitted) >= 3:
            assert isinstance(item, Refusal)
        else:
            assert isinstance(item, Request)
            self.admitted.append(ident)

    @rule()
    def rest_request(self):
        item = feed(self.machine, type="RESTRequest", method="GET", uri="channels")
        if len(self.admitted) >= 3:
            assert isinstance(item, Refusal)
        else:
            self.admitted.append(None)

    @precondition(lambda self: self.admitted)
    @rule(data=st.data())
    def answer(self, data):
        ident = data.draw(st.sampled_from(self.admitted))
        self.admitted.remove(ident)
        self.machine.answered(ident)

    @invariant()
    def counts_agree(self):
        assert self.machine.inflight == len(self.admitted)


TestInFlight = InFlight.TestCase
