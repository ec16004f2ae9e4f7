"""Whoever has much to read, or asks for what is slow to find, has turns like everybody else."""

from types import SimpleNamespace

import pytest
from models.streams import RoomySink, stream_event

from aribridge.core.filters import Filter
from aribridge.core.settings import StreamSettings
from aribridge.core.state.objects import CallState
from aribridge.hub.subscriptions import Subscriptions
from aribridge.protocol.messages import Position, Subscribe
from aribridge.stream import Stream

MANY = 3000
FEW = 300
"""Looks in one go: some tenths of a millisecond."""
SLOW = {"channel": [f"*{number:04}*b" for number in range(140)]}


class Looks:
    """Counts how often a filter was asked, in units of a look without wildcards."""

    def __init__(self, monkeypatch):
        self.number = 0
        for name in ("passes", "selects"):
            monkeypatch.setattr(Filter, name, self._counted(getattr(Filter, name)))

    def _counted(self, ask):
        def counted(filter_, labels):
            self.number += 1000 / filter_.spread(1000)
            return ask(filter_, labels)

        return counted

    def since(self):
        """How many there were since the last call."""
        number, self.number = self.number, 0
        return number


@pytest.fixture
def looks(monkeypatch):
    return Looks(monkeypatch)


@pytest.fixture
def stream():
    """A stream with many events and many channels."""
    stream = Stream("pbx", StreamSettings())
    stream.open(CallState())
    for number in range(MANY):
        event = {"type": "ChannelCreated", "channel": {"id": f"c{number}", "state": "Up"}}
        stream.append(stream_event(event), stream.state.apply(event, 0.0))
    return stream


def subscriptions(stream, *wishes):
    """A client with these subscriptions; frames are put into the sink, which has room for all."""
    sink = RoomySink()
    targets = SimpleNamespace(pick=lambda _: SimpleNamespace(stream=stream))
    access = SimpleNamespace(sight=lambda _: None)
    opened = Subscriptions(targets, access, sink, limit=32, max_send=65536)
    for number, wish in enumerate(wishes):
        opened.open(None, Subscribe(id=1, sub=number, **wish))
    return opened, sink


def most_in_a_turn(opened, looks):
    looks.since()
    most, more = 0.0, True
    while more:
        more = opened.fill()
        most = max(most, looks.since())
    return most


@pytest.mark.parametrize("filter_", [{"channel": ["none"]}, {"channel": ["c0", "c999", "c2999"]}, {}, SLOW])
@pytest.mark.parametrize("mode", ["events", "state"])
def test_a_resume_of_much_is_read_in_turns(stream, looks, mode, filter_):
    since = Position(epoch=stream.position["epoch"], seq=0)
    wish = {"mode": mode, "filter": filter_, "since": since}
    opened, sink = subscriptions(stream, *[wish] * 20)
    assert most_in_a_turn(opened, looks) <= 2 * FEW
    assert sum('"c2999"' in frame for frame in sink.frames) == (
        20 if "c2999" in filter_.get("channel", ["c2999"]) else 0
    )


@pytest.mark.parametrize("filter_", [{"channel": ["none"]}, {}, SLOW])
def test_a_snapshot_of_much_is_made_in_turns(stream, looks, filter_):
    opened, sink = subscriptions(stream, *[{"mode": "state", "filter": filter_}] * 20)
    assert most_in_a_turn(opened, looks) <= FEW
    assert sum('"last":true' in frame for frame in sink.frames) == 20


def test_everyone_has_a_turn(stream, looks):
    """One subscription that looks for long keeps no other of its client waiting until it is through."""
    since = Position(epoch=stream.position["epoch"], seq=0)
    long = {"filter": {"channel": ["none"]}, "since": since}
    opened, sink = subscriptions(stream, long, {"filter": {"channel": ["c0"]}, "since": since})
    opened.fill()
    opened.fill()
    assert len(sink.frames) == 1
