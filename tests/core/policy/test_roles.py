"""What roles allow: by which rule, and why not."""

from pathlib import Path

import pytest

from aribridge.config import load_policy
from aribridge.core.command import Command
from aribridge.core.policy.document import PolicySettings, RoleSettings, RuleSettings
from aribridge.core.policy.policy import Policy
from aribridge.core.policy.scopes import Scopes
from aribridge.core.principal import Principal

ANN = Principal("ann", roles=("agent",), endpoints=("PJSIP/200",))
SUE = Principal("sue", roles=("supervisor",))
ADMIN = Principal("root", roles=("admin",))
APP = "aribridge"


@pytest.fixture(scope="module")
def policy():
    return load_policy("")


@pytest.fixture
def scopes(policy):
    scopes = Scopes(policy.names)
    for ident, name in (("mine", "PJSIP/200-0001"), ("other", "PJSIP/300-0001")):
        scopes.note({"type": "ChannelCreated", "channel": {"id": ident, "name": name, "dialplan": {}}})
    for ident in ("mine", "other"):
        scopes.note(
            {"type": "BridgeCreated", "bridge": {"id": f"b-{ident}", "bridge_type": "mixing", "channels": [ident]}}
        )
    return scopes


CASES = [
    (ANN, "channels.list", {}, True),
    (ANN, "channels.get", {"channelId": "mine"}, True),
    (ANN, "channels.get", {"channelId": "other"}, False),
    (ANN, "channels.get", {"channelId": "nobody"}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "app": APP}, True),
    (ANN, "channels.originate", {"endpoint": "PJSIP/300", "app": APP}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200/sip:x@evil", "app": APP}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "app": "other"}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "extension": "1"}, True),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "extension": "1", "context": "outside"}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "channelId": "other", "app": APP}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "channelId": "1724000.7", "app": APP}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "originator": "other", "app": APP}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "app": APP, "variables": {"SHELL(id)": "1"}}, False),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "app": APP, "variables": {"COLOR": "SHELL(id)"}}, True),
    (ANN, "channels.originate", {"endpoint": "PJSIP/200", "app": APP, "variables": [{"key": "SHELL(id)"}]}, False),
    (ANN, "channels.continueInDialplan", {"channelId": "mine", "context": "outside"}, False),
    (ANN, "channels.continueInDialplan", {"channelId": "mine"}, True),
    (ANN, "channels.redirect", {"channelId": "mine", "endpoint": "PJSIP/300"}, False),
    (ANN, "channels.getChannelVars", {"channelId": "mine", "variables": "A,CDR(x)"}, False),
    (ANN, "channels.dial", {"channelId": "mine", "caller": "other"}, False),
    (ANN, "bridges.addChannel", {"bridgeId": "b-mine", "channel": ["mine"]}, True),
    (ANN, "bridges.addChannel", {"bridgeId": "b-mine", "channel": "mine,other"}, False),
    (ANN, "bridges.addChannel", {"bridgeId": "b-other", "channel": ["mine"]}, False),
    (ANN, "bridges.createWithId", {"bridgeId": "b-other"}, False),
    (ANN, "bridges.createWithId", {"bridgeId": "fresh"}, True),
    (ANN, "channels.play", {"channelId": "mine", "media": ["sound:hello", "recording:x"]}, False),
    (ANN, "channels.play", {"channelId": "mine", "media": ["sound:hello"]}, True),
    (ANN, "channels.play", {"channelId": "mine", "media": "sound:hello,recording:x"}, False),
    (ANN, "channels.play", {"channelId": "mine", "media": ["sound:http://evil/x"]}, False),
    (ANN, "channels.play", {"channelId": "mine", "media": ["sound:hello"], "lang": "en_AU"}, True),
    (ANN, "channels.play", {"channelId": "mine", "media": ["sound:msg0000"], "lang": "../../spool/x"}, False),
    (ANN, "bridges.play", {"bridgeId": "b-mine", "media": ["sound:msg0000"], "lang": "/var/spool/x"}, False),
    (ANN, "channels.record", {"channelId": "mine", "name": "x", "format": "wav"}, True),
    (ANN, "channels.record", {"channelId": "mine", "name": "x", "format": "wav", "ifExists": "overwrite"}, False),
    (ANN, "channels.record", {"channelId": "mine", "name": "../x", "format": "wav"}, False),
    (ANN, "channels.snoopChannel", {"channelId": "mine", "app": APP}, False),
    (ANN, "recordings.getStored", {"recordingName": "x"}, False),
    (ANN, "endpoints.get", {"tech": "PJSIP", "resource": "300"}, True),
    (ANN, "asterisk.getInfo", {}, False),
    (SUE, "channels.hangup", {"channelId": "other"}, True),
    (SUE, "channels.externalMedia", {"external_host": "evil:1", "format": "ulaw", "app": APP}, False),
    (SUE, "recordings.getStored", {"recordingName": "x"}, True),
    (ADMIN, "asterisk.unloadModule", {"moduleName": "x"}, True),
    (ADMIN, "channels.getChannelVar", {"channelId": "x", "variable": "SHELL(id)"}, True),
    (ADMIN, "channels.somethingNew", {"channelId": "x"}, True),
    (SUE, "channels.somethingNew", {"channelId": "other"}, False),
    (Principal("x"), "channels.list", {}, False),
    (Principal("x", roles=("nosuch",)), "channels.list", {}, False),
    (Principal("x", ops=("channels.*",)), "channels.hangup", {"channelId": "other"}, True),
    (Principal("x", ops=("channels.*",), roles=("agent",)), "bridges.get", {"bridgeId": "b-other"}, False),
]


@pytest.mark.parametrize(("principal", "op", "params", "allowed"), CASES)
def test_the_shipped_roles(policy, scopes, principal, op, params, allowed):
    decision = policy.decide(principal, Command("pbx", op, params), APP, scopes)
    assert decision.allowed is allowed, decision
    assert decision.reason
    assert decision.rule


def test_a_decision_names_rule_and_line(policy, scopes):
    decision = policy.decide(ANN, Command("pbx", "channels.get", {"channelId": "other"}), APP, scopes)
    assert decision.rule == "roles.agent"
    name, line = decision.where.split(":")
    text = (Path(__file__).parents[3] / "conf" / name).read_text().splitlines()
    assert text[int(line) - 1] == "[roles.agent]"


@pytest.mark.parametrize("op", ["asterisk.setGlobalVar", "recordings.deleteStored", "recordings.getStoredFile"])
def test_dangerous_operations_must_be_meant(op):
    resource = op.partition(".")[0]
    for globs, allowed in ((["*"], False), (["*.*"], False), ([f"{resource}.*"], True), ([op], True)):
        policy = Policy(PolicySettings(roles={"r": RoleSettings(allow=globs, on="any")}))
        params = {"recordingName": "x"} if resource == "recordings" else {}
        decision = policy.decide(Principal("x", roles=("r",)), Command("t", op, params), APP, Scopes(policy.names))
        assert decision.allowed is allowed


def test_deny_takes_from_its_own_role_only():
    roles = {
        "none": RoleSettings(allow=["*"], deny=["bridges.*"], on="any", rules=[RuleSettings(["bridges.list"], "any")]),
        "some": RoleSettings(allow=["bridges.list"], on="any"),
    }
    policy = Policy(PolicySettings(roles=roles))
    for names, allowed in ((("none",), False), (("none", "some"), True)):
        principal = Principal("x", roles=names)
        decision = policy.decide(principal, Command("t", "bridges.list"), APP, Scopes(policy.names))
        assert decision.allowed is allowed


def test_a_token_with_a_tenant_is_held_to_it_without_any_in_the_policy(policy):
    scopes = Scopes(policy.names)
    scopes.note({"type": "ChannelCreated", "channel": {"id": "c", "name": "PJSIP/1-1", "dialplan": {}}})
    held = Principal("sue", tenant="acme", roles=("supervisor",))
    for principal, allowed in ((SUE, True), (held, False)):
        command = Command("t", "channels.get", {"channelId": "c"})
        assert policy.decide(principal, command, APP, scopes).allowed is allowed


def test_who_sees_everything_has_no_sight_to_be_judged_by(policy):
    assert policy.sight(ADMIN) is None
    assert policy.sight(Principal("x", ops=("*",))) is None
    assert policy.sight(ANN) is not None
