"""Which events a filter passes."""

import pytest

from aribridge.core.events import labels_of
from aribridge.core.filters import Filter
from aribridge.core.policy.scope import NOBODYS, Level, Owner, Reach, Sight
from aribridge.protocol.problems import Problem

DIAL = {
    "type": "Dial",
    "caller": {"id": "c1"},
    "peer": {"id": "c2"},
    "endpoint": {"technology": "PJSIP", "resource": "200"},
}
ENTERED = {"type": "ChannelEnteredBridge", "bridge": {"id": "b1", "channels": ["c3", "c4"]}, "channel": {"id": "c4"}}
PLAYBACK = {"type": "PlaybackStarted", "playback": {"id": "p1", "target_uri": "channel:c9"}}
DEVICE = {"type": "DeviceStateChanged", "device_state": {"name": "Stasis:x", "state": "BUSY"}}


@pytest.mark.parametrize(
    ("spec", "event", "passes"),
    [
        ({}, DIAL, True),
        ({"type": ["Dial"]}, DIAL, True),
        ({"type": ["D*l"]}, DIAL, True),
        ({"type": ["dial"]}, DIAL, False),
        ({"type": []}, DIAL, False),
        ({"channel": ["c1"]}, DIAL, True),
        ({"channel": ["nobody", "c2"]}, DIAL, True),
        ({"channel": ["c3"]}, ENTERED, True),
        ({"channel": ["c9"]}, PLAYBACK, True),
        ({"channel": ["*"]}, DEVICE, False),
        ({"type": ["Dial"], "channel": ["c3"]}, DIAL, False),
        ({"endpoint": ["PJSIP/*"]}, DIAL, True),
        ({"bridge": ["b1"]}, ENTERED, True),
        ({"playback": ["p1"]}, PLAYBACK, True),
        ({"device": ["Stasis:*"]}, DEVICE, True),
    ],
)
def test_keys_are_anded_and_values_ored(spec, event, passes):
    assert Filter(spec).passes(labels_of(event)) is passes


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(Problem, match='Did you mean "channel"') as caught:
        Filter({"chanel": ["x"]})
    assert caught.value.code == "bad_filter"


def test_wildcards_are_taken_up_to_a_length_and_plain_values_at_any():
    """All of them are tried on each event."""
    Filter({"channel": [f"PJSIP/{number}" for number in range(5000)], "type": ["Stasis*"]})
    with pytest.raises(Problem, match="wildcards have 50000 characters") as caught:
        Filter({"channel": ["1724.70*??"] * 2500, "bridge": ["1724.70*??"] * 2500})
    assert caught.value.code == "bad_filter"


def test_stars_before_the_end_are_dear():
    """They are looked for at every place of an id."""
    Filter({"channel": [f"PJSIP/{number}*" for number in range(300)]})
    Filter({"channel": [f"*-{number}-*" for number in range(1000, 1128)]})
    with pytest.raises(Problem, match="before the end have 3200 characters") as caught:
        Filter({"channel": [f"*-{number}-*" for number in range(1000, 1400)]})
    assert caught.value.code == "bad_filter"


@pytest.mark.parametrize(
    "event",
    [{}, {"channel": 3}, {"bridge": {"channels": [1, None]}}, {"bridge": {"channels": 5}}, {"type": 7, "endpoint": []}],
)
def test_odd_events_have_labels_all_the_same(event):
    labels_of(event)


def test_those_who_ask_for_the_same_look_at_each_event():
    reach = Reach(Owner(None, "alice"), frozenset({"PJSIP/100"}), None, divided=False)
    blind = Sight(reach, {"channel": Level.NONE})
    one, other, hindered = (
        Filter({"type": ["Dial"]}),
        Filter({"type": ["Dial"]}),
        Filter({"type": ["Dial"]}, sight=blind),
    )
    dial, entered = labels_of(DIAL, (("channel", NOBODYS),)), labels_of(ENTERED)
    for labels, passes in ((dial, True), (entered, False), (dial, True), (labels_of(DIAL), True)):
        assert (one.passes(labels), other.passes(labels), hindered.passes(labels)) == (passes, passes, False)
    for_objects = Filter({"channel": ["c1"]}, objects=True)
    assert Filter({"channel": ["c1"]}).passes(dial)
    assert for_objects.selects(dial)
