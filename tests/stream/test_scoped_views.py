"""What clients with a scope are told of a stream: live, replayed, as state, and when their scope changes."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.streams import StreamClient

from aribridge.core.events import StreamEvent, labels_of
from aribridge.core.policy.document import PolicySettings, RoleSettings, TenantSettings
from aribridge.core.policy.policy import Policy
from aribridge.core.policy.scope import NO_OBJECT, Owner, Scope, handles_of
from aribridge.core.principal import Principal
from aribridge.core.state.objects import CallState
from aribridge.stream import Stream

READS = ["channels.get", "bridges.get", "endpoints.get", "deviceStates.get", "events.eventWebsocket"]
TENANTS = {
    name: TenantSettings([f"PJSIP/{name}-*"], [name], devices=[f"Stasis:{name}-*"]) for name in ("acme", "globex")
}
POLICY = Policy(
    PolicySettings(
        roles={
            "own": RoleSettings(READS),
            "tenant": RoleSettings(READS, on="tenant"),
            "calls": RoleSettings(["channels.get", "events.eventWebsocket"], on="any"),
        },
        tenants=TENANTS,
    )
)
ANN = POLICY.sight(Principal("ann", "acme", ("own",), ("PJSIP/acme-1",)))
SUE = POLICY.sight(Principal("sue", "acme", ("tenant",)))
GUS = POLICY.sight(Principal("gus", "globex", ("tenant",)))
BOSS = POLICY.sight(Principal("boss", None, ("calls", "own")))


class ScopedClient(StreamClient):
    """A subscription of a principal with this sight."""

    def __init__(self, stream, sight, **more):
        self.sight = sight
        subscribe = stream.subscribe
        super().__init__(_Sighted(stream, lambda *given: subscribe(*given, self.sight)), **more)


class _Sighted:
    def __init__(self, stream, subscribe):
        self._stream, self.subscribe = stream, subscribe

    def __getattr__(self, name):
        return getattr(self._stream, name)


@pytest.fixture
def stream():
    stream = Stream("pbx", names=POLICY.names)
    stream.open(CallState())
    return stream


def happen(stream, event, now=0.0):
    """What the feed does with an event."""
    stream.note(event)
    changes = stream.state.apply(event, now)
    stream.append(StreamEvent(json.dumps(event), labels_of(event, stream.subjects(event))), changes)


def channel(ident, name, **more):
    return {"id": ident, "name": f"{name}-0000002a", "dialplan": {"context": "default"}} | more


def created(stream, ident, name, **more):
    happen(stream, {"type": "ChannelCreated", "channel": channel(ident, name, **more)})


def bridged(stream, kind, ident, *members, who):
    bridge = {"id": ident, "bridge_type": "mixing", "channels": list(members)}
    happen(stream, {"type": kind, "bridge": bridge, "channel": who})


def told(client):
    client.read()
    return [event["type"] for _, _, event in client.got]


def test_events_reach_whom_they_are_about_live_and_replayed(stream):
    clients = [ScopedClient(stream, sight) for sight in (ANN, SUE, GUS)]
    begin = stream.position
    for ident, name in (("1", "PJSIP/acme-1"), ("2", "PJSIP/acme-2"), ("3", "PJSIP/globex-1"), ("4", "PJSIP/trunk")):
        created(stream, ident, name)
    live = []
    for client in clients:
        client.read()
        live.append([event["channel"]["id"] for _, _, event in client.got])
    assert live == [["1"], ["1", "2"], ["3"]]
    for client, seen in zip(clients, live, strict=True):
        client.disconnect()
        client.got.clear()
        client.connect(begin)
        client.read()
        assert [event["channel"]["id"] for _, _, event in client.got] == seen


def test_a_snapshot_holds_what_is_in_scope(stream):
    created(stream, "1", "PJSIP/acme-1")
    created(stream, "3", "PJSIP/globex-1")
    client = ScopedClient(stream, SUE, mode="state")
    client.read()
    assert list(client.state["channels"]) == ["1"]


def test_coming_into_scope_and_leaving_it_is_told(stream):
    created(stream, "1", "PJSIP/acme-1")
    created(stream, "4", "PJSIP/trunk", state="Up")
    events, state = ScopedClient(stream, ANN), ScopedClient(stream, ANN, mode="state")
    state.read()
    assert list(state.state["channels"]) == ["1"]
    one, trunk = channel("1", "PJSIP/acme-1"), channel("4", "PJSIP/trunk")
    bridged(stream, "ChannelEnteredBridge", "b", "1", who=one)
    bridged(stream, "ChannelEnteredBridge", "b", "1", "4", who=trunk)
    assert told(events) == ["ChannelEnteredBridge", "ScopeEntered", "ChannelEnteredBridge"]
    assert events.got[1][2]["channel"]["state"] == "Up"
    state.read()
    assert sorted(state.state["channels"]) == ["1", "4"]
    bridged(stream, "ChannelLeftBridge", "b", "1", who=trunk)
    assert "ScopeLeft" in told(events)
    left = next(event for _, _, event in events.got if event["type"] == "ScopeLeft")
    assert left == {"type": "ScopeLeft", "channel": {"id": "4"}}
    state.read()
    assert list(state.state["channels"]) == ["1"]


def test_a_filter_on_types_may_leave_moves_out(stream):
    created(stream, "1", "PJSIP/acme-1")
    created(stream, "4", "PJSIP/trunk")
    client = ScopedClient(stream, ANN, filter={"type": ["Channel*"]})
    bridged(stream, "ChannelEnteredBridge", "b", "1", "4", who=channel("4", "PJSIP/trunk"))
    assert told(client) == ["ChannelEnteredBridge"]


def test_who_sees_everything_is_told_of_no_scopes(stream):
    client, state = StreamClient(stream), StreamClient(stream, mode="state")
    created(stream, "1", "PJSIP/acme-1")
    created(stream, "4", "PJSIP/trunk")
    bridged(stream, "ChannelEnteredBridge", "b", "1", "4", who=channel("4", "PJSIP/trunk"))
    assert told(client) == ["ChannelCreated", "ChannelCreated", "ChannelEnteredBridge"]
    state.read()
    assert stream.state.values("channels") == state.state["channels"]


def test_an_event_that_also_tells_of_another_tenant_is_told_to_neither(stream):
    clients = [ScopedClient(stream, sight) for sight in (SUE, GUS)]
    caller, peer = channel("1", "PJSIP/acme-1"), channel("3", "PJSIP/globex-1")
    happen(stream, {"type": "Dial", "dialstatus": "", "caller": caller, "peer": peer})
    assert [told(client) for client in clients] == [[], []]


def test_what_names_no_object_is_for_the_tenant_that_it_names(stream):
    clients = [ScopedClient(stream, sight) for sight in (ANN, GUS)]
    happen(stream, {"type": "Lunch"})
    happen(stream, {"type": "Lunch", "tenant": "acme"})
    assert [len(told(client)) for client in clients] == [1, 0]


def test_another_sight_is_a_gap_and_counts_from_there(stream):
    client = ScopedClient(stream, ANN)
    created(stream, "3", "PJSIP/globex-1")
    stream.rejudge(client.view, ANN)
    client.read()
    assert not client.holes
    stream.rejudge(client.view, GUS)
    created(stream, "5", "PJSIP/globex-2")
    client.read()
    assert client.reasons == ["policy_changed"]
    assert [event["channel"]["id"] for _, _, event in client.got] == ["5"]


def test_another_sight_makes_the_state_anew(stream):
    created(stream, "1", "PJSIP/acme-1")
    created(stream, "3", "PJSIP/globex-1")
    client = ScopedClient(stream, SUE, mode="state")
    client.read()
    stream.rejudge(client.view, GUS)
    client.read()
    assert (client.reasons, list(client.state["channels"])) == (["policy_changed"], ["3"])


def test_other_names_move_things(stream):
    created(stream, "1", "PJSIP/acme-1")
    client = ScopedClient(stream, GUS)
    swapped = {"globex": TENANTS["acme"], "acme": TENANTS["globex"]}
    stream.rename(Policy(PolicySettings(tenants=swapped)).names)
    assert told(client) == ["ScopeEntered"]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_the_state_of_a_scope_is_its_part_of_the_whole(stream, seed):
    """A client that follows patches, live or by resuming, has exactly the objects that are in its scope."""
    chance = random.Random(seed)
    clients = [ScopedClient(stream, sight, mode="state") for sight in (ANN, SUE, GUS)]
    events = [ScopedClient(stream, sight) for sight in (SUE, GUS)]
    phones = ["PJSIP/acme-1", "PJSIP/acme-2", "PJSIP/globex-1", "PJSIP/trunk"]
    there: dict[str, dict] = {}
    members: dict[str, list[str]] = {"b1": [], "b2": []}
    for step in range(60):
        _anything(stream, chance, step, there, members, phones)
        if chance.random() < 0.3:
            chance.choice(clients).read(chance.randrange(4))
        if chance.random() < 0.1:
            client = chance.choice(clients)
            client.read()
            client.resume()
    for client in clients:
        client.read()
        wanted = {kind: {} for kind in client.state}
        for item in stream.state.items():
            if client.sight.sees(item.labels.scopes):
                wanted[item.kind][item.id] = json.loads(item.text)
        assert client.state == wanted
        assert not client.holes
    for client, stranger in zip(events, ("globex", "acme"), strict=True):
        assert f"PJSIP/{stranger}" not in json.dumps([client.read(), client.got])


FILTERS = (
    {},
    {"type": ["ScopeEntered", "Dial"]},
    {"type": ["ScopeLeft", "ChannelD*"]},
    {"channel": ["c0", "c1", "c2", "c3"]},
    {"bridge": ["b1"], "type": ["ChannelEnteredBridge", "ScopeEntered"]},
    {"type": []},
)


@pytest.mark.parametrize("seed", range(20))
def test_who_follows_live_is_told_what_the_history_has_for_it(stream, seed):
    """Live, only those are looked at that an event may concern; whoever reads the history looks at everything."""
    chance = random.Random(seed)
    asked = [(sight, spec) for sight in (ANN, SUE, GUS, BOSS) for spec in FILTERS]
    start = stream.position
    live = [ScopedClient(stream, sight, filter=spec) for sight, spec in asked]
    there, members = {}, {"b1": [], "b2": []}
    for step in range(60):
        _anything(stream, chance, step, there, members, ["PJSIP/acme-1", "PJSIP/acme-2", "PJSIP/globex-1", "PJSIP/x"])
        for client in live:
            client.read()
    for client, (sight, spec) in zip(live, asked, strict=True):
        later = ScopedClient(stream, sight, filter=spec)
        later.disconnect()
        later.connect(start)
        later.read()
        assert [event for _, _, event in client.got] == [event for _, _, event in later.got]
    assert sum(bool(client.got) for client in live) > len(live) / 3


def test_another_sight_is_told_live_what_is_its_own(stream):
    client = ScopedClient(stream, GUS)
    stream.rejudge(client.view, ANN)
    client.read()
    created(stream, "1", "PJSIP/acme-1")
    created(stream, "3", "PJSIP/globex-1")
    assert told(client) == ["ChannelCreated"]


@given(
    st.sampled_from((ANN, SUE, GUS, BOSS)),
    st.lists(
        st.tuples(
            st.sampled_from(("channels", "bridges", "endpoints", NO_OBJECT)),
            st.builds(
                Scope,
                st.frozensets(st.sampled_from(("PJSIP/acme-1", "PJSIP/globex-1"))),
                st.frozensets(st.sampled_from((Owner("acme", "ann"), Owner("globex", "gus"), Owner(None, "ann")))),
                st.frozensets(st.sampled_from(("acme", "globex"))),
            ),
        ),
        max_size=3,
    ),
)
def test_whoever_may_see_something_is_found_by_it(sight, subjects):
    if sight.sees(tuple(subjects)):
        assert any(value in handles_of(tuple(subjects), key) for key, value in sight.handles)


def _anything(stream, chance, step, there, members, phones):
    """One thing that may happen to calls."""
    what = chance.choice(["create", "create", "enter", "leave", "end", "dial"])
    if what == "create" or not there:
        ident = f"c{step}"
        there[ident] = channel(ident, chance.choice(phones))
        happen(stream, {"type": "ChannelCreated", "channel": there[ident]})
        return
    ident = chance.choice(list(there))
    bridge = chance.choice(list(members))
    if what == "enter" and not any(ident in inside for inside in members.values()):
        members[bridge].append(ident)
        bridged(stream, "ChannelEnteredBridge", bridge, *members[bridge], who=there[ident])
    elif what == "leave" and ident in members[bridge]:
        members[bridge].remove(ident)
        bridged(stream, "ChannelLeftBridge", bridge, *members[bridge], who=there[ident])
    elif what == "end" and not any(ident in inside for inside in members.values()):
        happen(stream, {"type": "ChannelDestroyed", "channel": there.pop(ident)})
    elif what == "dial":
        peer = chance.choice(list(there))
        status = chance.choice(["", "RINGING", "BUSY"])
        happen(stream, {"type": "Dial", "dialstatus": status, "caller": there[ident], "peer": there[peer]})
