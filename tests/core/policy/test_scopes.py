"""Whose objects are, as events tell it."""

import random

import pytest
from models.pbx import HAPPENINGS, ModelPbx, happen

from aribridge.core.policy.document import TenantSettings
from aribridge.core.policy.names import Names
from aribridge.core.policy.scope import Level, Owner, Reach
from aribridge.core.policy.scopes import Scopes

TENANTS = {
    "acme": TenantSettings(["PJSIP/acme-*", "Local/*@acme"], ["acme"], ["acme/*"], ["*@acme"], ["Stasis:acme-*"]),
    "globex": TenantSettings(["PJSIP/globex-*"], ["globex"], ["globex/*"], ["*@globex"], ["Stasis:globex-*"]),
    "both": TenantSettings(["PJSIP/shared-1"]),
}
ANN = Owner("acme", "ann")
RUN = ("Started", "Finished")


@pytest.fixture
def scopes():
    return Scopes(Names(TENANTS, "TENANT"))


def channel(ident, name, context="default", **more):
    return {"id": ident, "name": f"{name}-0000002a", "dialplan": {"context": context}} | more


def created(scopes, ident, name, **more):
    return scopes.note({"type": "ChannelCreated", "channel": channel(ident, name, **more)})


def bridge(ident, *members, kind="mixing"):
    return {"id": ident, "bridge_type": kind, "channels": list(members)}


def entered(scopes, ident, *members, kind="mixing"):
    return set(scopes.note({"type": "ChannelEnteredBridge", "bridge": bridge(ident, *members, kind=kind)}))


def whose(scopes, kind, **fields):
    """The phones that an event is told as being about."""
    event = {"type": kind, **fields}
    scopes.note(event)
    [(_, scope)] = scopes.subjects(event)
    return scope.endpoints


def endpoints(scopes, ident):
    return scopes.of("channels", ident).endpoints


@pytest.mark.parametrize(
    ("name", "more", "tenants"),
    [
        ("PJSIP/acme-1", {}, {"acme"}),
        ("PJSIP/acme-1", {"context": "globex", "channelvars": {"TENANT": "globex"}}, {"acme"}),
        ("PJSIP/trunk", {"channelvars": {"TENANT": "globex"}, "context": "acme"}, {"globex"}),
        ("PJSIP/trunk", {"tenantid": "globex", "context": "acme"}, {"globex"}),
        ("PJSIP/trunk", {"context": "acme"}, {"acme"}),
        ("PJSIP/trunk", {"context": "acme-2"}, set()),
        ("Local/600@acme", {}, {"acme"}),
        ("PJSIP/acme-1@globex-1", {}, set()),
        ("PJSIP/acme-1/sip:x", {}, set()),
    ],
)
def test_a_channels_tenant_is_its_phones_else_what_it_says_else_its_contexts(scopes, name, more, tenants):
    created(scopes, "c", name, **more)
    assert scopes.of("channels", "c").tenants == tenants


def test_a_context_of_nobody_takes_no_tenant_away(scopes):
    created(scopes, "c", "PJSIP/trunk", context="acme")
    scopes.note({"type": "ChannelDialplan", "channel": channel("c", "PJSIP/trunk", "macro")})
    assert scopes.of("channels", "c").tenants == {"acme"}
    assert scopes.note({"type": "ChannelDialplan", "channel": channel("c", "PJSIP/trunk", "globex")})
    assert scopes.of("channels", "c").tenants == {"globex"}


def test_both_legs_of_a_dial_are_one_call_until_it_fails(scopes):
    created(scopes, "in", "PJSIP/trunk")
    created(scopes, "out", "PJSIP/acme-1")
    dial = {"type": "Dial", "caller": channel("in", "PJSIP/trunk"), "peer": channel("out", "PJSIP/acme-1")}
    moved = scopes.note(dial | {"dialstatus": ""})
    assert ("channels", "in") in moved
    assert endpoints(scopes, "in") == {"PJSIP/trunk", "PJSIP/acme-1"}
    assert scopes.of("channels", "in").tenants == {"acme"}
    assert scopes.note(dial | {"dialstatus": "RINGING"}) == ()
    assert ("channels", "in") in scopes.note(dial | {"dialstatus": "NOANSWER"})
    assert endpoints(scopes, "in") == {"PJSIP/trunk"}


def test_phones_that_the_same_caller_rings_are_strangers(scopes):
    for ident, name in (("in", "PJSIP/trunk"), ("a", "PJSIP/acme-1"), ("b", "PJSIP/acme-2")):
        created(scopes, ident, name)
    for peer, name in (("a", "PJSIP/acme-1"), ("b", "PJSIP/acme-2")):
        scopes.note({"type": "Dial", "caller": channel("in", "PJSIP/trunk"), "peer": channel(peer, name)})
    assert endpoints(scopes, "a") == {"PJSIP/acme-1", "PJSIP/trunk"}
    assert endpoints(scopes, "in") == {"PJSIP/acme-1", "PJSIP/acme-2", "PJSIP/trunk"}


def test_members_of_a_bridge_are_one_call_while_they_are_in_it(scopes):
    created(scopes, "a", "PJSIP/acme-1")
    created(scopes, "b", "PJSIP/trunk")
    entered(scopes, "br", "a")
    assert ("channels", "b") in entered(scopes, "br", "a", "b")
    assert endpoints(scopes, "b") == {"PJSIP/acme-1", "PJSIP/trunk"}
    assert scopes.of("bridges", "br").tenants == {"acme"}
    scopes.note({"type": "ChannelLeftBridge", "bridge": bridge("br", "a"), "channel": channel("b", "PJSIP/trunk")})
    assert endpoints(scopes, "b") == {"PJSIP/trunk"}


@pytest.mark.parametrize(("kind", "members"), [("holding", 2), ("mixing", 9)])
def test_who_waits_in_a_queue_or_sits_in_a_conference_is_not_in_one_call(scopes, kind, members):
    idents = [f"c{number}" for number in range(members)]
    for ident in idents:
        created(scopes, ident, f"PJSIP/acme-{ident}")
    entered(scopes, "br", *idents, kind=kind)
    assert endpoints(scopes, "c0") == {"PJSIP/acme-c0"}


def test_what_two_tenants_share_is_of_both_and_so_of_neither(scopes):
    created(scopes, "a", "PJSIP/acme-1")
    created(scopes, "g", "PJSIP/globex-1")
    entered(scopes, "br", "a", "g")
    assert scopes.of("bridges", "br").tenants == {"acme", "globex"}
    assert scopes.of("channels", "g").tenants == {"globex"}
    reach = Reach(Owner("acme", "x"), frozenset({"PJSIP/acme-1"}), "acme", divided=True)
    assert not reach.covers(Level.TENANT, scopes.of("bridges", "br"))
    assert not reach.covers(Level.OWN, scopes.of("channels", "g"))
    assert reach.covers(Level.OWN, scopes.of("channels", "a"))


def test_what_is_made_is_its_makers_before_the_first_event(scopes):
    assert scopes.made(("channels", "made"), ANN)
    created(scopes, "made", "Local/9@default")
    created(scopes, "made;2", "Local/9@default")
    for half in ("made", "made;2"):
        assert scopes.of("channels", half).owners == {ANN}
        assert scopes.of("channels", half).tenants == {"acme"}


def test_what_exists_cannot_be_claimed(scopes):
    created(scopes, "c", "PJSIP/globex-1")
    assert not scopes.made(("channels", "c"), ANN)
    assert scopes.of("channels", "c").owners == frozenset()


def test_what_asterisk_refused_to_make_is_nobodys(scopes):
    scopes.made(("channels", "c"), ANN)
    scopes.unmade(("channels", "c"))
    created(scopes, "c", "PJSIP/globex-1")
    assert scopes.of("channels", "c").owners == frozenset()


def test_what_exists_stays_its_makers_when_asterisk_refuses_another(scopes):
    scopes.made(("channels", "c"), ANN)
    created(scopes, "c", "Local/9@default")
    assert not scopes.made(("channels", "c"), ANN)
    scopes.unmade(("channels", "c"))
    assert scopes.of("channels", "c").owners == {ANN}


def test_playbacks_and_live_recordings_follow_what_they_are_on(scopes):
    created(scopes, "c", "PJSIP/acme-1")
    scopes.note({"type": "PlaybackStarted", "playback": {"id": "p", "target_uri": "channel:c"}})
    scopes.note({"type": "RecordingStarted", "recording": {"name": "x", "target_uri": "channel:c"}})
    assert scopes.of("playbacks", "p").endpoints == {"PJSIP/acme-1"}
    assert scopes.of("recordings", "x").tenants == {"acme"}
    scopes.note({"type": "RecordingFinished", "recording": {"name": "x", "target_uri": "channel:c"}})
    assert scopes.of("recordings", "x").tenants == frozenset()


def test_the_end_of_a_playback_is_told_as_its_beginning_was(scopes):
    created(scopes, "c", "PJSIP/acme-1")
    told = [whose(scopes, f"Playback{what}", playback={"id": "p", "target_uri": "channel:c"}) for what in RUN]
    assert told == [{"PJSIP/acme-1"}] * 2


@pytest.mark.parametrize("end", ["Finished", "Failed"])
def test_the_end_of_a_recording_is_told_to_those_whose_call_it_was(scopes, end):
    created(scopes, "c", "PJSIP/acme-1")
    recording = {"name": "x", "target_uri": "channel:c"}
    told = [whose(scopes, f"Recording{what}", recording=recording) for what in ("Started", end)]
    assert told == [{"PJSIP/acme-1"}] * 2
    assert scopes.of("recordings", "x").endpoints == frozenset()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_recording_is_its_makers_though_it_began_before_that_was_known(scopes, is_new):
    created(scopes, "c", "PJSIP/acme-1")
    recording = {"name": "x", "target_uri": "channel:c"}
    scopes.note({"type": "RecordingStarted", "recording": recording})
    scopes.recorded("x", ANN, is_new=is_new)
    assert (scopes.of("recordings", "x").owners, scopes.of("recordings", "x").endpoints) == ({ANN}, {"PJSIP/acme-1"})
    scopes.note({"type": "RecordingFinished", "recording": recording})
    assert scopes.of("recordings", "x").owners == {ANN}


def test_what_is_added_to_a_recording_does_not_make_it_anothers(scopes):
    scopes.recorded("x", ANN, is_new=True)
    scopes.recorded("x", Owner("acme", "bob"), is_new=False)
    assert scopes.of("recordings", "x").owners == {ANN}


def test_a_playback_with_the_id_of_an_earlier_one_is_whose_it_is_now(scopes):
    for ident, name in (("c", "PJSIP/acme-1"), ("d", "PJSIP/globex-1")):
        created(scopes, ident, name)
        playback = {"id": "p", "target_uri": f"channel:{ident}"}
        told = [whose(scopes, f"Playback{what}", playback=playback) for what in RUN]
        assert told == [{name}] * 2


def test_what_plays_on_a_channel_has_its_new_party_at_once(scopes):
    for ident, name in (("c", "PJSIP/acme-1"), ("d", "PJSIP/trunk")):
        created(scopes, ident, name)
    played = [f"p{number}" for number in range(20)]
    for ident in played:
        scopes.note({"type": "PlaybackStarted", "playback": {"id": ident, "target_uri": "channel:c"}})
    moved = entered(scopes, "br", "c", "d")
    assert moved >= {("playbacks", ident) for ident in played}
    assert {scopes.of("playbacks", ident).endpoints for ident in played} == {frozenset({"PJSIP/acme-1", "PJSIP/trunk"})}


@pytest.mark.parametrize("seed", range(50))
def test_what_events_tell_step_by_step_is_what_one_finds_anew(seed):
    chance, pbx = random.Random(seed), ModelPbx()
    names = Names({"one": TenantSettings(["PJSIP/c0"]), "two": TenantSettings(["PJSIP/c1"])})
    scopes = Scopes(names)
    for _ in range(60):
        happen(pbx, chance.choice(HAPPENINGS), chance.randrange(6))
        for topic in tuple(pbx.topics):
            while topic in pbx.topics:
                scopes.note(with_phones(pbx.deliver(topic)))
        anew = Scopes(names)
        anew.rebuild(with_phones(pbx.objects), everything=True)
        for kind, objects in pbx.objects.items():
            assert [scopes.of(kind, ident) for ident in objects] == [anew.of(kind, ident) for ident in objects]


def with_phones(value):
    """The model's channels have no names: each is one of the phone of its id."""
    if not isinstance(value, dict):
        return value
    named = {"name": f"PJSIP/{value['id']}-0000002a"} if "dialplan" in value else {}
    return {key: with_phones(inner) for key, inner in value.items()} | named


@pytest.mark.parametrize(
    ("kind", "name", "tenants"),
    [
        ("recordings", "acme/call", {"acme"}),
        ("recordings", "acme/../globex/call", set()),
        ("recordings", "/acme/call", set()),
        ("mailboxes", "200@globex", {"globex"}),
        ("deviceStates", "PJSIP/acme-1", {"acme"}),
        ("deviceStates", "Stasis:acme-door", {"acme"}),
        ("endpoints", "PJSIP/shared-1", {"both"}),
        ("endpoints", "PJSIP/other", set()),
    ],
)
def test_names_say_whose_things_are(scopes, kind, name, tenants):
    assert scopes.of(kind, name).tenants == tenants


def test_the_parties_of_a_call_part_when_one_is_gone_whose_scope_stays_known(scopes):
    created(scopes, "a", "PJSIP/acme-1")
    created(scopes, "b", "PJSIP/trunk")
    entered(scopes, "br", "a", "b")
    moved = scopes.note({"type": "ChannelDestroyed", "channel": channel("a", "PJSIP/acme-1")})
    assert ("channels", "b") in moved
    assert endpoints(scopes, "b") == {"PJSIP/trunk"}
    assert "PJSIP/acme-1" in endpoints(scopes, "a")


def test_a_transfer_names_channels_in_fields_of_its_own(scopes):
    transfer = {
        "type": "BridgeAttendedTransfer",
        "transferer_first_leg": channel("a", "PJSIP/acme-1"),
        "destination_link_second_leg": channel("g", "PJSIP/globex-1"),
        "refer_to": {"destination_channel": channel("g2", "PJSIP/globex-2")},
    }
    scopes.note(transfer)
    assert {tuple(scope.tenants) for _, scope in scopes.subjects(transfer)} == {("acme",), ("globex",)}
    assert len(scopes.subjects(transfer)) == 3


def test_a_rebuilt_registry_knows_calls_from_what_there_is(scopes):
    objects = {
        "channels": {"a": channel("a", "PJSIP/acme-1"), "b": channel("b", "PJSIP/trunk")},
        "bridges": {"br": bridge("br", "a", "b")},
    }
    scopes.rebuild(objects, everything=True)
    assert endpoints(scopes, "b") == {"PJSIP/acme-1", "PJSIP/trunk"}
    assert not scopes.made(("channels", "b"), ANN)


def test_a_call_that_went_on_elsewhere_stays_its_tenants_when_the_link_was_down(scopes):
    created(scopes, "a", "PJSIP/trunk", context="acme")
    elsewhere = channel("a", "PJSIP/trunk", context="shared")
    scopes.note({"type": "ChannelDialplan", "channel": elsewhere})
    assert scopes.of("channels", "a").tenants == {"acme"}
    objects = {"channels": {"a": elsewhere}}
    scopes.rebuild(objects, everything=True)
    assert scopes.of("channels", "a").tenants == {"acme"}
    scopes.rename(Names({"globex": TENANTS["globex"]}))
    scopes.rebuild(objects, everything=True)
    assert scopes.of("channels", "a").tenants == frozenset()


def test_what_was_gone_and_is_there_again_is_whose_it_is_now(scopes):
    created(scopes, "a", "PJSIP/acme-1")
    entered(scopes, "br", "a")
    scopes.note({"type": "BridgeDestroyed", "bridge": bridge("br")})
    objects = {"channels": {"g": channel("g", "PJSIP/globex-1")}, "bridges": {"br": bridge("br", "g")}}
    scopes.rebuild(objects, everything=True)
    assert scopes.of("bridges", "br").tenants == {"globex"}


@pytest.mark.parametrize(
    "event", [{}, {"channel": 3}, {"bridge": {"id": "b", "channels": [1, None]}}, {"endpoint": []}, {"peer": {"a": {}}}]
)
def test_odd_events_are_no_obstacle(scopes, event):
    scopes.note(event)
    scopes.subjects(event)
