"""A stream that was written down goes on where it was, if that is proven; else everyone is told of a hole."""

import msgspec
import pytest
from models.streams import StreamClient, stream_event

from aribridge.core.settings import StreamSettings
from aribridge.core.state.objects import CallState
from aribridge.stream import Saved, Stream

SETTINGS = StreamSettings(history_events=5, history_seconds=60.0)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def stream():
    stream = Stream("pbx", SETTINGS, Clock())
    stream.open(CallState())
    return stream


def happen(stream, *states):
    for state in states:
        event = {"type": "ChannelCreated", "channel": {"id": "c1", "state": state}}
        stream.append(stream_event(event), stream.state.apply(event, 0))


def next_run(stream, after=1.0):
    """What another process makes of it, that much later, by a clock of its own."""
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(stream.save()), type=Saved)
    other = Stream("pbx", SETTINGS, Clock())
    other.restore(saved.aged(after), everything=True)
    return other


def states(client):
    client.read()
    return [data["channel"]["state"] for _, _, data in client.got]


@pytest.mark.parametrize("proven", [True, False], ids=["told before it is proven", "told after"])
def test_a_client_goes_on_over_a_restart_as_if_there_was_none(stream, proven):
    client = StreamClient(stream)
    happen(stream, "Down")
    assert states(client) == ["Down"]
    happen(stream, "Ring", "Ringing")
    client.disconnect()
    client.stream = other = next_run(stream)
    if proven:
        other.prove()
    client.connect(client.position)
    happen(other, "Up")
    other.prove()
    assert states(client) == ["Down", "Ring", "Ringing", "Up"]
    assert client.holes == []


def test_the_call_state_goes_on_too(stream):
    client = StreamClient(stream, mode="state")
    happen(stream, "Down")
    client.read()
    happen(stream, "Ring")
    client.disconnect()
    client.stream = other = next_run(stream)
    other.prove()
    fresh = StreamClient(other, mode="state")
    client.connect(client.position)
    happen(other, "Up")
    for one in (client, fresh):
        one.read()
        assert one.state["channels"] == {"c1": {"id": "c1", "state": "Up"}}
        assert one.holes == []


def test_what_was_gone_stays_gone(stream):
    happen(stream, "Down")
    event = {"type": "ChannelDestroyed", "channel": {"id": "c1"}}
    stream.append(stream_event(event), stream.state.apply(event, 0))
    other = next_run(stream)
    late = {"type": "ChannelStateChange", "channel": {"id": "c1", "state": "Up"}}
    assert other.state.apply(late, 0) == ()


@pytest.mark.parametrize("how", ["open", "lost"])
def test_what_is_not_proven_is_a_restart_for_everyone(stream, how):
    happen(stream, "Down")
    was = stream.position
    other = next_run(stream)
    early = StreamClient(other)
    early.disconnect()
    early.connect(was)
    if how == "open":
        other.open(CallState())
    else:
        other.lost()
    early.read()
    late = StreamClient(other)
    late.disconnect()
    late.connect(was)
    late.read()
    for client in (early, late):
        assert client.reasons == ["restarted"]
        assert client.holes[0][0] == was
        assert client.position["epoch"].split(".")[0] != was["epoch"].split(".")[0]


def test_a_link_that_breaks_after_a_proven_restart_is_no_restart(stream):
    happen(stream, "Down")
    was = stream.position
    other = next_run(stream)
    other.prove()
    other.lost()
    other.open(CallState())
    client = StreamClient(other)
    client.disconnect()
    client.connect(was)
    client.read()
    assert client.reasons == ["upstream_lost"]


def test_what_is_kept_keeps_its_age_and_its_bounds(stream):
    happen(stream, *map(str, range(8)))
    head = stream.position["seq"]
    other = next_run(stream, after=59.0)
    client = StreamClient(other)
    client.disconnect()
    client.connect({"epoch": stream.position["epoch"], "seq": head - 5})
    assert states(client) == ["3", "4", "5", "6", "7"]
    too_late = next_run(stream, after=61.0)
    client = StreamClient(too_late)
    client.disconnect()
    client.connect({"epoch": stream.position["epoch"], "seq": head - 5})
    client.read()
    assert client.reasons == ["history_expired"]
    assert too_late.position == stream.position


def test_a_stream_that_is_not_open_is_not_saved(stream):
    stream.lost()
    assert stream.save() is None
