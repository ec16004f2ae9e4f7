"""Snapshots in parts, patches that follow, and filters that select objects."""

import pytest
from models.streams import StreamClient, stream_event

from aribridge.core.settings import StreamSettings
from aribridge.core.state.objects import CallState
from aribridge.protocol.problems import Problem
from aribridge.stream import Stream


@pytest.fixture
def stream():
    stream = Stream("pbx", StreamSettings(history_events=10))
    stream.open(CallState())
    return stream


def tell(stream, kind, **fields):
    event = {"type": kind, **fields}
    stream.append(stream_event(event), stream.state.apply(event, 0.0))


def channels(stream, *numbers, kind="ChannelCreated", state="Up"):
    for number in numbers:
        tell(stream, kind, channel={"id": f"c{number}", "state": state, "name": "x" * 100})


def states(client):
    client.read()
    return {ident: channel["state"] for ident, channel in client.state["channels"].items()}


def test_a_snapshot_comes_in_parts_and_changes_follow_the_last(stream):
    channels(stream, *range(10))
    client = StreamClient(stream, mode="state", most_frames=1, frame=700)
    assert client.reply["mode"] == "snapshot"
    client.read(2)
    assert client.page == 3
    channels(stream, 3, kind="ChannelStateChange", state="Busy")
    assert states(client) == {f"c{n}": "Busy" if n == 3 else "Up" for n in range(10)}
    assert client.position == stream.position


def test_a_gap_in_the_middle_of_a_snapshot_voids_it(stream):
    channels(stream, *range(10))
    client = StreamClient(stream, mode="state", most_frames=1, frame=700)
    client.read(1)
    stream.lost()
    client.read()
    assert (client.page, client.waits) == (None, True)
    stream.open(CallState())
    channels(stream, 1)
    assert states(client) == {"c1": "Up"}


def test_an_empty_state_is_one_empty_part(stream):
    client = StreamClient(stream, mode="state")
    assert states(client) == {}
    assert client.page is None


def test_changes_of_one_object_that_wait_are_joined(stream):
    client = StreamClient(stream, mode="state", most_frames=1)
    client.read()
    client.sink.most = 0
    channels(stream, 1, 2)
    for state in "abc":
        channels(stream, 1, kind="ChannelStateChange", state=state)
    tell(stream, "ChannelDestroyed", channel={"id": "c2"})
    client.sink.most = 1
    client.fill()
    [patch] = client.sink.frames
    assert patch.count('"kind"') == 1
    assert states(client) == {"c1": "c"}
    assert client.holes == []


def test_what_comes_to_match_is_put_and_what_no_longer_does_is_removed(stream):
    client = StreamClient(stream, mode="state", filter={"channel": ["c1"]})
    for kind, members in (("BridgeCreated", []), ("ChannelEnteredBridge", ["c1", "c2"]), ("ChannelLeftBridge", ["c2"])):
        tell(stream, kind, bridge={"id": "b", "channels": members})
        client.read()
        assert client.state["bridges"] == ({"b": {"id": "b", "channels": members}} if "c1" in members else {})


def test_a_client_that_was_away_gets_patches_alone(stream):
    channels(stream, 1)
    client = StreamClient(stream, mode="state")
    client.read()
    client.disconnect()
    channels(stream, 1, kind="ChannelStateChange", state="Busy")
    client.resume()
    assert client.reply["mode"] == "replay"
    assert states(client) == {"c1": "Busy"}


def test_a_client_that_was_away_for_too_long_gets_a_gap_and_a_snapshot(stream):
    client = StreamClient(stream, mode="state")
    client.read()
    client.disconnect()
    channels(stream, *range(20))
    client.resume()
    assert client.reply["mode"] == "snapshot"
    assert len(states(client)) == 20
    assert client.reasons == ["history_expired"]


def test_a_client_that_cannot_even_keep_up_with_snapshots_is_given_up(stream):
    channels(stream, *range(20))
    client = StreamClient(stream, mode="state", most_frames=1, frame=700)
    client.read(1)
    for _ in range(2):
        channels(stream, *range(20), kind="ChannelStateChange", state=str(stream.position["seq"]))
        client.read(8)
    assert client.reasons == ["slow_consumer"]
    assert client.sink.given_up


def test_a_snapshot_is_never_sent_to_who_wants_none(stream):
    channels(stream, 1)
    client = StreamClient(stream, mode="state", snapshot="never")
    assert client.reply["mode"] == "live"
    client.read()
    assert client.state is None
    stream.lost()
    stream.open(CallState())
    client.read()
    assert (client.page, client.reasons) == (None, ["upstream_lost"])


def test_a_snapshot_is_always_sent_to_who_wants_one(stream):
    channels(stream, 1)
    client = StreamClient(stream, mode="state", snapshot="always")
    client.read()
    client.disconnect()
    channels(stream, 2)
    client.connect()
    assert client.reply["mode"] == "snapshot"
    assert len(states(client)) == 2


@pytest.mark.parametrize("snapshot", ["if_needed", "always"])
def test_events_may_follow_on_a_snapshot_that_replaces_none_of_them(stream, snapshot):
    channels(stream, 1)
    client = StreamClient(stream, mode="events", snapshot=snapshot)
    client.read()
    assert list(client.state["channels"]) == ["c1"]
    client.disconnect()
    channels(stream, 2)
    client.resume()
    assert client.reply["mode"] == "replay"
    client.read()
    assert [event["channel"]["id"] for _, _, event in client.got] == ["c2"]
    stream.lost()
    stream.open(CallState())
    client.read()
    assert client.state["channels"] == {}


def test_after_a_loss_the_state_is_sent_anew(stream):
    channels(stream, 1)
    client = StreamClient(stream, mode="state")
    client.read()
    stream.lost()
    client.read()
    assert client.waits
    state = CallState()
    state.put("channels", "new", {"id": "new", "state": "Ring"})
    stream.open(state)
    assert states(client) == {"new": "Ring"}


def test_who_comes_while_the_target_is_away_gets_the_state_when_it_is_back():
    stream = Stream("pbx", StreamSettings())
    client = StreamClient(stream, mode="state")
    assert client.reply["mode"] == "live"
    stream.open(CallState())
    assert states(client) == {}


def test_an_object_over_the_size_is_a_gap(stream):
    client = StreamClient(stream, mode="state", frame=700)
    client.read()
    tell(stream, "ChannelCreated", channel={"id": "c1", "name": "x" * 1000})
    channels(stream, 2)
    assert states(client) == {"c2": "Up"}
    assert client.reasons == ["event_too_large"]


def test_a_snapshot_without_an_object_over_the_size_says_so(stream):
    tell(stream, "ChannelCreated", channel={"id": "c1", "name": "x" * 1000})
    channels(stream, 2)
    client = StreamClient(stream, mode="state", frame=700)
    assert states(client) == {"c2": "Up"}
    assert client.reasons == ["event_too_large"]
    tell(stream, "ChannelDestroyed", channel={"id": "c2"})
    assert states(client) == {}


def test_types_of_events_select_no_objects(stream):
    with pytest.raises(Problem, match="type"):
        StreamClient(stream, mode="state", filter={"type": ["Stasis*"]})
