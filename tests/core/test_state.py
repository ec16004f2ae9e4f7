"""Events and what they say of objects."""

import pytest

from aribridge.core.state.objects import CallState

CHANNEL = {"id": "1", "state": "Ring", "caller": {"name": "", "number": "100"}}
BRIDGE = {"id": "b", "channels": ["1"]}


def event(kind, **fields):
    return {"type": kind, **fields}


@pytest.fixture
def state():
    state = CallState()
    state.apply(event("ChannelCreated", channel=CHANNEL), 0)
    return state


def texts(changes):
    return [change.text_for(lambda _: True) for change in changes]


def test_a_change_is_told_as_a_merge(state):
    changes = state.apply(event("ChannelStateChange", channel=CHANNEL | {"state": "Up"}), 0)
    assert texts(changes) == ['{"kind":"channels","id":"1","merge":{"state":"Up"}}']
    assert state.apply(event("ChannelDialplan", channel=CHANNEL | {"state": "Up"}), 0) == ()


def test_who_owns_a_call_comes_and_goes_and_stays_through_what_asterisk_says(state):
    assert texts(state.own("1", "ivr.lua")) == [
        '{"kind":"channels","id":"1","merge":{"aribridge":{"owner":"ivr.lua"}}}'
    ]
    changes = state.apply(event("ChannelStateChange", channel=CHANNEL | {"state": "Up"}), 0)
    assert texts(changes) == ['{"kind":"channels","id":"1","merge":{"state":"Up"}}']
    assert state.values("channels")["1"]["aribridge"] == {"owner": "ivr.lua"}
    assert texts(state.own("1", None)) == ['{"kind":"channels","id":"1","merge":{"aribridge":null}}']
    assert state.own("1", None) == ()


def test_who_owns_a_call_is_kept_for_a_channel_that_is_not_known_yet():
    read, state = CallState(), CallState()
    assert state.own("1", "ivr.lua") == ()
    read.inherit_owners(state)
    read.put("channels", "1", CHANNEL)
    assert read.values("channels") == {"1": CHANNEL | {"aribridge": {"owner": "ivr.lua"}}}


def test_a_null_is_told_as_a_put(state):
    changes = state.apply(event("ChannelCallerId", channel={"id": "1", "state": None}), 0)
    assert texts(changes) == ['{"kind":"channels","id":"1","put":{"id":"1","state":null}}']


def test_what_comes_late_about_a_gone_channel_is_ignored_for_a_minute(state):
    changes = state.apply(event("ChannelDestroyed", channel=CHANNEL), 0)
    assert texts(changes) == ['{"kind":"channels","id":"1","remove":true}']
    assert state.apply(event("StasisStart", channel=CHANNEL), 59) == ()
    assert state.apply(event("ChannelStateChange", channel=CHANNEL), 59) == ()
    assert len(state.apply(event("ChannelCreated", channel=CHANNEL), 59)) == 1


def test_a_snapshot_that_was_overtaken_changes_nothing(state):
    state.apply(event("ChannelStateChange", channel=CHANNEL | {"state": "Up"}), 0)
    for kind in ("StasisStart", "ChannelEnteredBridge", "Dial", "ChannelVarset", "StasisEnd"):
        changes = state.apply(event(kind, channel=CHANNEL, peer=CHANNEL, bridge=BRIDGE), 0)
        assert all(change.kind == "bridges" for change in changes)
    assert state.values("channels")["1"]["state"] == "Up"


def test_members_of_bridges(state):
    for kind, members in (("BridgeCreated", []), ("ChannelEnteredBridge", ["1"]), ("ChannelLeftBridge", [])):
        state.apply(event(kind, bridge=BRIDGE | {"channels": members}), 0)
        assert state.values("bridges") == {"b": {"id": "b", "channels": members}}
    state.apply(event("BridgeMerged", bridge=BRIDGE, bridge_from={"id": "c", "channels": []}), 0)
    assert state.ids("bridges") == ("b", "c")
    state.apply(event("BridgeDestroyed", bridge=BRIDGE), 0)
    assert state.ids("bridges") == ("c",)


def test_endpoints_go_by_technology_and_resource():
    state = CallState()
    endpoint = {"technology": "PJSIP", "resource": "200", "state": "online", "channel_ids": []}
    state.apply(event("EndpointStateChange", endpoint=endpoint), 0)
    assert state.values("endpoints") == {"PJSIP/200": endpoint}


def test_jobs_end():
    state = CallState()
    state.apply(event("PlaybackStarted", playback={"id": "p", "state": "playing"}), 0)
    state.apply(event("RecordingStarted", recording={"name": "r", "state": "recording"}), 0)
    state.apply(event("DeviceStateChanged", device_state={"name": "PJSIP/200", "state": "INUSE"}), 0)
    assert [state.ids(kind) for kind in ("playbacks", "recordings", "deviceStates")] == [("p",), ("r",), ("PJSIP/200",)]
    state.apply(event("PlaybackFinished", playback={"id": "p"}), 0)
    state.apply(event("RecordingFailed", recording={"name": "r"}), 0)
    assert state.ids("playbacks") == state.ids("recordings") == ()
    state.apply(event("RecordingStarted", recording={"name": "r", "state": "recording"}), 0)
    assert state.ids("recordings") == ("r",)


def test_in_an_application_a_channel_is_there_from_start_to_end():
    state = CallState(everything=False)
    for _ in range(2):
        state.apply(event("StasisStart", channel=CHANNEL), 0)
        assert state.ids("channels") == ("1",)
        state.apply(event("StasisEnd", channel=CHANNEL), 0)
        state.apply(event("ChannelDialplan", channel=CHANNEL), 0)
        assert state.ids("channels") == ()


def test_device_names_are_bounded():
    state = CallState()
    for number in range(10_005):
        state.apply(event("DeviceStateChanged", device_state={"name": f"Local/{number}", "state": "INUSE"}), 0)
    assert len(state.ids("deviceStates")) == 10_000
    assert "Local/4" not in state.ids("deviceStates")


@pytest.mark.parametrize("odd", [{}, {"type": "ChannelCreated"}, {"type": "ChannelCreated", "channel": {"id": 3}}])
def test_odd_events_change_nothing(odd):
    assert CallState().apply(odd, 0) == ()
