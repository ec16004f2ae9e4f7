"""A client that checks `prev` can prove that nothing which passes its filter is missing."""

import json

from hypothesis import given
from hypothesis import strategies as st

from aribridge.core.events import StreamEvent, labels_of
from aribridge.core.filters import Filter
from aribridge.stream import Stream

steps = st.lists(st.sampled_from(["a", "b", "lost", "back", "ping"]), max_size=60)


def happen(stream, kind):
    event = {"type": kind, "n": stream.head}
    stream.append(StreamEvent(json.dumps(event), labels_of(event)))


class Client:
    """Follows the protocol: accepts an event only if its `prev` is where the client stands."""

    def __init__(self, stream, kinds):
        self.stream, self.kinds, self.got = stream, kinds, []
        self.subscription = stream.subscribe(1, Filter({"type": kinds}), self.take, 65536)
        self.position = dict(stream.position)

    def take(self, frame):
        message = json.loads(frame)
        if message["type"] == "gap":
            assert message["was"]["epoch"] == self.position["epoch"]
            self.position = message["now"]
            self.got.append(message["next"])
            return
        assert message["epoch"] == self.position["epoch"]
        assert message["prev"] == self.position["seq"]
        self.position["seq"] = message["seq"]
        self.got.append(message["data"]["type"])

    def ping(self):
        self.position = self.stream.bring_up(self.subscription)


@given(steps)
def test_every_event_or_a_gap(steps):
    stream = Stream("pbx")
    clients = [Client(stream, ["a"]), Client(stream, ["*"]), Client(stream, ["c"])]
    for step in steps:
        if step == "lost":
            stream.break_off("wait")
        elif step == "back":
            stream.break_off("live")
        elif step == "ping":
            for client in clients:
                client.ping()
        else:
            happen(stream, step)
    words = {"lost": "wait", "back": "live"}
    for client in clients:
        wanted = [words.get(s, s) for s in steps if s in words or (s != "ping" and client.kinds in (["*"], [s]))]
        assert client.got == wanted


def test_an_event_over_the_size_is_a_gap():
    stream, got = Stream("pbx"), []
    stream.subscribe(5, Filter({}), got.append, 300)
    event = {"type": "ChannelVarset", "value": "ü" * 200}
    stream.append(StreamEvent(json.dumps(event, ensure_ascii=False), labels_of(event)))
    happen(stream, "a")
    gap, after = map(json.loads, got)
    assert (gap["type"], gap["reason"], gap["next"]) == ("gap", "event_too_large", "live")
    assert (gap["now"]["seq"], after["prev"]) == (1, 1)


def test_after_unsubscribe_nothing_comes():
    stream, got = Stream("pbx"), []
    stream.unsubscribe(stream.subscribe(1, Filter({}), got.append, 65536))
    happen(stream, "a")
    stream.break_off("live")
    assert got == []
