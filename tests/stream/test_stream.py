"""Events of a stream: who follows `prev` can prove that nothing which passes the filter is missing."""

import json

import pytest
from models.streams import RoomySink, StreamClient, stream_event

from aribridge.core.settings import StreamSettings
from aribridge.core.state.objects import CallState
from aribridge.protocol.messages import Subscribe
from aribridge.stream import Stream


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream(clock):
    stream = Stream("pbx", StreamSettings(history_events=10, history_seconds=60.0), clock)
    stream.open(CallState())
    return stream


def happen(stream, *kinds):
    for kind in kinds:
        stream.append(stream_event({"type": kind}))


def types(client):
    client.read()
    return [data["type"] for _, _, data in client.got]


def test_a_client_that_was_away_gets_everything_in_order(stream):
    client = StreamClient(stream, filter={"type": ["a"]})
    happen(stream, "a", "b")
    client.read()
    client.disconnect()
    happen(stream, "b", "a", "b", "a")
    client.connect(client.position)
    assert client.reply == {"sub": 1, "epoch": client.position["epoch"], "seq": 1, "mode": "replay"}
    happen(stream, "a")
    assert types(client) == ["a"] * 4
    assert client.holes == []


def test_one_event_more_than_the_history_holds_is_one_gap_and_nothing_else(stream):
    client = StreamClient(stream)
    client.disconnect()
    happen(stream, *"abcdefghij")
    client.connect(client.position)
    assert types(client) == list("abcdefghij")
    first = StreamClient(stream).position
    happen(stream, *"klmnopqrstu")
    client.got.clear()
    client.connect(first)
    assert client.reply["mode"] == "live"
    happen(stream, "v")
    assert types(client) == ["v"]
    assert client.reasons == ["history_expired"]
    assert client.holes == [(first, {"epoch": first["epoch"], "seq": 21})]


def test_old_events_expire_even_when_nothing_happens(stream, clock):
    client = StreamClient(stream)
    client.disconnect()
    happen(stream, "a")
    clock.now += 61
    client.resume()
    assert (types(client), client.reasons) == ([], ["history_expired"])


def test_the_history_is_bounded_in_bytes(clock):
    stream = Stream("pbx", StreamSettings(history_bytes=20_000), clock)
    stream.open(CallState())
    client = StreamClient(stream)
    client.disconnect()
    for _ in range(50):
        stream.append(stream_event({"type": "a", "value": "x" * 1000}))
    client.resume()
    assert (types(client), client.reasons) == ([], ["history_expired"])


@pytest.mark.parametrize(("ours", "reason"), [(True, "upstream_lost"), (False, "restarted")])
def test_another_epoch_is_a_gap_that_tells_whose_end_it_was(stream, clock, ours, reason):
    client = StreamClient(stream)
    happen(stream, "a")
    client.read()
    client.disconnect()
    if ours:
        stream.lost()
        stream.open(CallState())
    else:
        client.stream = Stream("pbx", StreamSettings(), clock)
        client.stream.open(CallState())
    client.resume()
    assert types(client) == ["a"]
    assert client.reasons == [reason]


def test_a_position_that_was_never_reached_is_a_gap(stream):
    client = StreamClient(stream)
    client.position["seq"] = 99
    client.resume()
    client.read()
    assert client.reasons == ["history_expired"]


def test_loss_and_return_of_the_target_are_told_once_each(stream):
    client = StreamClient(stream)
    stream.lost()
    client.read()
    assert client.waits
    stream.open(CallState())
    happen(stream, "a")
    assert types(client) == ["a"]
    assert not client.waits
    assert client.holes[0][1] == client.holes[1][0]
    assert client.reasons == ["upstream_lost"] * 2


@pytest.mark.parametrize("mode", ["events", "state"])
def test_who_comes_back_while_the_target_is_away_is_told_so(stream, mode):
    client = StreamClient(stream, mode=mode)
    client.read()
    stream.lost()
    client.read()
    client.resume()
    client.waits = False
    client.read()
    assert client.waits
    assert client.reasons == ["upstream_lost"] * 2
    stream.open(CallState())
    client.read()
    assert not client.waits


def test_a_flapping_target_is_one_gap_to_a_client_that_reads_nothing(stream):
    client = StreamClient(stream, most_frames=0)
    for _ in range(100):
        happen(stream, "a")
        stream.lost()
        stream.open(CallState())
    client.sink.most = 1
    assert types(client) == []
    assert len(client.holes) == 1


def test_a_slow_client_reads_on_from_the_history(stream):
    client = StreamClient(stream, most_frames=2)
    happen(stream, *"abcdefgh")
    assert len(client.sink.frames) == 2
    assert types(client) == list("abcdefgh")
    assert client.holes == []


def test_a_client_slower_than_the_history_gets_a_gap(stream):
    client = StreamClient(stream, most_frames=1)
    happen(stream, *"a" * 20)
    client.read()
    happen(stream, "b")
    assert types(client) == ["a", "b"]
    assert client.reasons == ["slow_consumer"]
    assert client.holes[0][1]["seq"] == 20


def test_a_client_that_caught_up_after_a_gap_may_fall_behind_again(stream):
    client = StreamClient(stream, most_frames=1)
    for _ in range(3):
        happen(stream, *"abcdefghijkl")
        while client.sink.frames:
            client.take(json.loads(client.sink.frames.pop(0)))
            # As a connection does: it asks only who is behind.
            while client.view.behind and client.sink.room and (frame := client.view.next()):
                client.sink.put(frame)
        assert not client.sink.given_up
    assert client.reasons == ["slow_consumer"] * 3


def test_a_ping_never_overtakes_events(stream):
    client = StreamClient(stream, most_frames=1)
    happen(stream, *"abc")
    assert client.view.bring_up()["seq"] == 1
    client.read()
    assert client.view.bring_up()["seq"] == 3


def test_an_event_over_the_size_is_a_gap(stream):
    client = StreamClient(stream, frame=300)
    stream.append(stream_event({"type": "ChannelVarset", "value": "ü" * 200}))
    happen(stream, "a")
    assert types(client) == ["a"]
    assert client.reasons == ["event_too_large"]
    assert client.holes[0][1]["seq"] == 1


def test_after_unsubscribe_nothing_comes(stream):
    client = StreamClient(stream)
    client.disconnect()
    happen(stream, "a")
    stream.lost()
    assert client.sink.frames == []


def test_what_a_script_dropped_is_not_told(stream):
    client = StreamClient(stream)
    stream.append(None)
    happen(stream, "a")
    assert types(client) == ["a"]


class AskedSink(RoomySink):
    """Counts how often it was asked for room."""

    asked = 0

    @property
    def room(self):
        self.asked += 1
        return super().room


@pytest.mark.parametrize(
    ("filter", "mode"),
    [
        ({"type": ["b"]}, "events"),
        ({"channel": ["2"]}, "events"),
        ({"channel": ["2"], "type": ["*"]}, "events"),
        ({"channel": ["2"]}, "state"),
        ({"bridge": []}, "state"),
    ],
)
def test_who_names_other_things_is_not_looked_at(stream, filter, mode):
    sink, everyone = AskedSink(), StreamClient(stream)
    stream.subscribe(Subscribe(id=1, sub=1, filter=filter, mode=mode, snapshot="never"), sink, 65536)
    event = {"type": "a", "channel": {"id": "1", "name": "PJSIP/a-1"}}
    stream.append(stream_event(event), stream.state.apply(event, 0.0))
    assert types(everyone) == ["a"]
    assert sink.asked == 0


def test_clients_at_the_same_place_share_one_frame(stream):
    sinks = [RoomySink(), RoomySink()]
    for sink in sinks:
        stream.subscribe(Subscribe(id=1, sub=1), sink, 65536)
    happen(stream, "a")
    assert sinks[0].frames[0] is sinks[1].frames[0]


def test_what_a_lost_link_leaves_out_begins_behind_what_was_passed_over(stream):
    client = StreamClient(stream, filter={"type": ["b"]})
    happen(stream, *"aaa")
    end = stream.position
    stream.lost()
    client.read()
    assert client.holes == [(end, stream.position)]
