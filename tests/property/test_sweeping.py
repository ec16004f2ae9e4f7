"""The sweep, whatever is in Asterisk: nothing that anybody may miss is removed, and what is left over is."""

from hypothesis import given
from hypothesis import strategies as st

from aribridge.core.instance import Instance
from aribridge.core.sweep import Leftover, Sweep

OURS, OTHERS = Instance("aribridge-00000000"), Instance("aribridge-11111111")
GRACE = 60.0
TOOLS = ("Snoop/1.1-00000000", "UnicastRTP/127.0.0.1:4000-0x7f", "AudioSocket/h-1", "WebSocket/c-1")
PARTIES = ("PJSIP/200-00000001", "Local/600@default-00000001;1", "SnoopyPhone/1")
IDENTS = [f"{prefix}{number}" for prefix in (f"{OURS.prefix}-", f"{OTHERS.prefix}-", "17.") for number in range(4)]
CHANNELS = st.dictionaries(st.sampled_from(IDENTS), st.fixed_dictionaries({"name": st.sampled_from(TOOLS + PARTIES)}))
BRIDGE_IDENTS = [f"{ident}-b" for ident in IDENTS]
SOME = st.sets(st.sampled_from(IDENTS + BRIDGE_IDENTS), max_size=4)


@st.composite
def scenes(draw):
    """Channels, each in one bridge or in none, some of them in bridges that say more than the channels do."""
    channels = draw(CHANNELS)
    bridges = {ident: {"channels": []} for ident in draw(st.sets(st.sampled_from(BRIDGE_IDENTS)))}
    for ident in [*channels, "unseen"]:
        if bridges and draw(st.booleans()):
            bridges[draw(st.sampled_from(sorted(bridges)))]["channels"].append(ident)
    return channels, bridges


def is_tool(channels, ident):
    return ident in channels and channels[ident]["name"].partition("/")[0] + "/" in {
        "Snoop/", "UnicastRTP/", "AudioSocket/", "WebSocket/",
    }  # fmt: skip


def may_go(ident, channels, used, owned):
    return is_tool(channels, ident) and OURS.named(ident) and ident not in used | owned


@given(scenes(), SOME, SOME)
def test_only_what_nobody_can_miss_is_removed(scene, used, owned):
    channels, bridges = scene
    sweep = Sweep(OURS, GRACE)
    sweep.use([sorted(used)], by_script=False)
    assert sweep.due(channels, bridges, owned.__contains__, 0.0) == []
    due = sweep.due(channels, bridges, owned.__contains__, GRACE)
    gone = {one.id for one in due}
    for one in due:
        assert OURS.named(one.id)
        assert one.id not in used | owned
        members = bridges[one.id]["channels"] if one.kind == "bridges" else [one.id]
        assert all(may_go(member, channels, used, owned) for member in members)
        assert set(members) <= gone, "a bridge goes only with all that is in it"
    for bridge, about in bridges.items():
        if bridge not in gone:
            assert gone.isdisjoint(about["channels"]), "who stays keeps its company"


@given(scenes(), SOME, SOME)
def test_what_is_left_over_goes_after_the_grace_and_not_before(scene, used, owned):
    channels, bridges = scene
    sweep = Sweep(OURS, GRACE)
    sweep.use(used, by_script=False)
    assert sweep.due(channels, bridges, owned.__contains__, 0.0) == []
    assert sweep.due(channels, bridges, owned.__contains__, GRACE - 0.1) == []
    due = set(sweep.due(channels, bridges, owned.__contains__, GRACE))
    in_bridges = {member for about in bridges.values() for member in about["channels"]}
    for ident, about in bridges.items():
        if not about["channels"] and OURS.named(ident) and ident not in used | owned:
            assert Leftover("bridges", ident) in due
    for ident in channels:
        if ident not in in_bridges and may_go(ident, channels, used, owned):
            assert Leftover("channels", ident) in due
    sweep.forget()
    assert sweep.due(channels, bridges, owned.__contains__, 2 * GRACE) == [], "the grace begins anew"


def test_two_parties_are_never_touched_and_their_bridge_has_its_grace_once_they_left():
    sweep, bridge = Sweep(OURS, GRACE), f"{OURS.prefix}-b"
    channels = {"1.1": {"name": "PJSIP/200-1"}, "1.2": {"name": "PJSIP/201-1"}}
    talking, empty = {bridge: {"channels": ["1.1", "1.2"]}}, {bridge: {"channels": []}}
    assert sweep.due(channels, talking, lambda _: False, 1000 * GRACE) == []
    assert sweep.due({}, empty, lambda _: False, 1001 * GRACE) == []
    assert sweep.due({}, empty, lambda _: False, 1002 * GRACE) == [Leftover("bridges", bridge)]


def test_what_a_flow_makes_is_in_use_by_the_flow_alone():
    sweep, bridge = Sweep(OURS, 0.0), f"{OURS.fresh_flow()}-b1"
    empty = {bridge: {"channels": []}}
    sweep.use([bridge], by_script=True)
    assert sweep.due({}, empty, lambda ident: ident == bridge, 0.0) == []
    assert sweep.due({}, empty, lambda _: False, 0.0) == [Leftover("bridges", bridge)]
    sweep.use([bridge], by_script=False)
    assert sweep.due({}, empty, lambda _: False, 0.0) == [], "a client turned to it"


def test_what_is_in_use_is_bounded():
    sweep = Sweep(OURS, 0.0)
    sweep.use([f"{OURS.prefix}-{number}" for number in range(20_000)], by_script=False)
    bridges = {f"{OURS.prefix}-{number}": {"channels": []} for number in (0, 19_999)}
    assert sweep.due({}, bridges, lambda _: False, 0.0) == [Leftover("bridges", f"{OURS.prefix}-0")]
