"""What is remembered of calls: what belongs together, and that it is bounded."""

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aribridge.core import trace
from aribridge.core.command import Command
from aribridge.core.trace import MOST_CALLS, MOST_CHANNELS, MOST_ENTRIES, Traces


def channel(ident, name="PJSIP/alice-00000001", state="Up"):
    return {"id": ident, "name": name, "state": state}


def happened(ident, kind="StasisStart", **more):
    return {"type": kind, "channel": channel(ident), **more}


def texts(traces, ident):
    (call,) = traces.find(ident)
    return [entry.text for entry in call.in_order()]


def clock():
    now = iter(range(10**9))
    return lambda: float(next(now))


def test_a_command_stands_where_it_began():
    traces = Traces(clock())
    traces.event(happened("1.1"))
    traces.event(happened("1.1", "PlaybackStarted", playback={"id": "p", "media_uri": "sound:hi", "state": "playing"}))
    traces.command(Command("pbx", "channels.play", {"channelId": "1.1", "media": "sound:hi"}), "alice", "201", 0.5)
    assert texts(traces, "1.1") == [
        "StasisStart PJSIP/alice-00000001 Up",
        "channels.play media=sound:hi by alice: 201",
        "PlaybackStarted PJSIP/alice-00000001 Up playback=sound:hi playing",
    ]


def test_channels_that_belong_together_are_one_call():
    traces = Traces()
    traces.command(Command("pbx", "channels.originate"), "alice", "200", 0, "1.1")  # answered before its first event
    traces.event({"type": "ChannelCreated", "channel": channel("1.1", "Local/600@default-00000000;1")})
    traces.event({"type": "ChannelCreated", "channel": channel("1.2", "Local/600@default-00000000;2")})
    traces.event({"type": "Dial", "caller": channel("1.2"), "peer": channel("1.3")})
    traces.event({"type": "StasisStart", "channel": channel("1.4"), "replace_channel": channel("1.3")})
    traces.event(happened("1.5"))
    bridge = {"id": "b", "bridge_type": "mixing", "channels": ["1.4", "1.5"]}
    traces.event(happened("1.5", "ChannelEnteredBridge", bridge=bridge))
    traces.command(Command("pbx", "channels.originate", {"originator": "1.5"}), "alice", "200", 0, "1.6")
    (call,) = traces.find("1.6")
    assert call.channels == {f"1.{number}" for number in range(1, 7)}
    assert len(call.entries) == 8


def test_the_callers_of_a_queue_are_calls_of_their_own():
    traces = Traces()
    for number in range(5):
        members = [f"1.{member}" for member in range(number + 1)]
        for kind, few in (("holding", members), ("mixing", [*members, "1.9", "1.8"])):
            bridge = {"id": kind, "bridge_type": kind, "channels": few}
            traces.event(happened(f"1.{number}", "ChannelEnteredBridge", bridge=bridge))
    assert len(traces.find("1.")) == 5


def test_names_of_before_a_restart_of_asterisk_mean_nothing():
    traces = Traces()
    traces.event({"type": "ChannelCreated", "channel": channel("1.1", "Local/600@default-00000000;1")})
    traces.lost()
    traces.event({"type": "ChannelCreated", "channel": channel("2.1", "Local/600@default-00000000;2")})
    assert [call.channels for call in traces.find("2.1")] == [{"2.1"}]


def test_notes_belong_to_what_the_work_is_about():
    traces, other = Traces(), Traces()
    traces.event(happened("1.1"))
    other.event(happened("1.1"))
    with traces.about(["1.1"]):
        trace.note("log", "one\n\tline")
        traces.command(Command("pbx", "channels.create"), "script", "200", 0, "1.2")
    trace.note("log", "about nothing")
    (call,) = traces.find("1.2")
    assert call.channels == {"1.1", "1.2"}
    assert "one line" in texts(traces, "1.1")
    assert len(texts(other, "1.1")) == 1


def test_what_clients_name_makes_no_call():
    traces = Traces()
    traces.command(Command("pbx", "channels.get", {"channelId": "made-up"}), "mallory", "404", 0)
    with traces.about(["made-up"]):
        trace.note("log", "nothing")
    assert traces.find("") == []


def test_pins_stay_out():
    traces = Traces()
    traces.event(happened("1.1", "ChannelDtmfReceived", digit="7"))
    traces.event(happened("1.1", "ChannelVarset", variable="PIN", value="4711"))
    params = {"channelId": "1.1", "variable": "PIN", "value": "4711", "dtmf": "4711", "variables": {"a": "4711"}}
    traces.command(Command("pbx", "channels.setChannelVar", params), "alice", "204", 0)
    lines = " ".join(texts(traces, "1.1"))
    assert "variable=PIN" in lines
    assert not {"4711", " 7"} & {part for part in ("4711", " 7") if part in lines}


def test_the_last_thousand_calls_are_kept():
    traces = Traces()
    for number in range(MOST_CALLS + 1):
        traces.event(happened(f"{number}.x"))
        traces.event(happened("0.x"))
    assert len(traces.find("0.x")) == 1
    assert traces.find("1.x") == []
    assert len(traces.find("")) == MOST_CALLS


def test_one_call_keeps_its_last_entries_and_says_how_many_are_gone():
    traces = Traces()
    for number in range(MOST_ENTRIES + 7):
        traces.event(happened("1.1", f"Event{number}"))
    (call,) = traces.find("1.1")
    assert (len(call.entries), call.left_out) == (MOST_ENTRIES, 7)
    assert call.in_order()[-1].text.startswith(f"Event{MOST_ENTRIES + 6} ")


def test_memory_is_bounded():
    tracemalloc.start()
    try:
        traces = Traces()
        for number in range(80_000):
            traces.event(happened(f"{number % 2000}.{number % 7}", application="x" * 500))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 40e6


IDS = st.integers(0, 300).map(str)


@given(st.lists(st.tuples(IDS, IDS), max_size=400))
def test_every_channel_has_one_call_however_they_are_linked(pairs):
    traces = Traces()
    for caller, peer in pairs:
        traces.event({"type": "Dial", "caller": channel(caller), "peer": channel(peer)})
    calls = traces.find("")
    members = [ident for call in calls for ident in call.channels]
    assert sorted(members) == sorted({ident for pair in pairs for ident in pair})
    assert all(len(call.channels) <= MOST_CHANNELS for call in calls)
    assert sum(len(call.entries) + call.left_out for call in calls) == len(pairs)


FEW = st.integers(0, 12).map(str)
ACTS = st.one_of(
    st.tuples(st.just("dial"), FEW, FEW),
    st.tuples(st.just("local"), FEW, st.integers(1, 2).map(str)),
    st.tuples(st.just("bridge"), FEW, st.lists(FEW, max_size=4)),
    st.tuples(st.just("gone"), FEW, st.just("")),
    st.tuples(st.just("command"), FEW, st.none() | FEW),
    st.tuples(st.just("note"), FEW, FEW),
    st.tuples(st.just("lost"), st.just(""), st.just("")),
)


def do(traces, kind, one, other):
    if kind == "dial":
        traces.event({"type": "Dial", "caller": channel(one), "peer": channel(other)})
    elif kind == "local":
        traces.event({"type": "ChannelCreated", "channel": channel(one, f"Local/600@default-0;{other}")})
    elif kind == "bridge":
        bridge = {"id": "b", "bridge_type": "mixing", "channels": other}
        traces.event(happened(one, "ChannelEnteredBridge", bridge=bridge))
    elif kind == "gone":
        traces.event({"type": "ChannelDestroyed", "channel": channel(one, "Local/600@default-0;1")})
    elif kind == "command":
        traces.command(Command("pbx", "channels.create", {"channelId": one}), "alice", "200", 0.0, other)
    elif kind == "note":
        traces.note([one, other], "log", "a line")
    else:
        traces.lost()


@given(st.lists(ACTS, max_size=200))
@example([*[("dial", "0", "0")] * 4, ("gone", "1", ""), *[("dial", "0", "0")] * 3, ("note", "0", "1")])
def test_bounds_hold_and_no_channel_is_in_two_calls_whatever_happens(acts):
    with pytest.MonkeyPatch.context() as patch:
        for name, few in (("MOST_CALLS", 4), ("MOST_ENTRIES", 8), ("MOST_CHANNELS", 3)):
            patch.setattr(trace, name, few)
        traces = Traces()
        for act in acts:
            do(traces, *act)
            calls = traces.find("")
            members = [ident for call in calls for ident in call.channels]
            assert len(members) == len(set(members))
            assert all(traces.find(ident) == [call] for call in calls for ident in call.channels)
            assert all(len(call.channels) <= 3 for call in calls)
            assert len(calls) <= 4
            assert sum(len(call.entries) for call in calls) <= 4 * 8 // 4
            if act[0] in {"dial", "local", "bridge", "gone"}:
                assert traces.find(act[1])  # what was told last is not what is forgotten
