"""Policy files, and decisions by those that load."""

from __future__ import annotations

import tempfile
from pathlib import Path

from aribridge.config import ConfigError, load_policy
from aribridge.core.command import Command
from aribridge.core.policy.scopes import Scopes
from aribridge.core.principal import Principal

LONGEST = 8192
SECONDS = 1.0  # the line of each key is looked for by parsing
_FOLDER = tempfile.TemporaryDirectory(prefix="aribridge-fuzz-")
_PATH = Path(_FOLDER.name, "policy.toml")


def try_one(data: bytes) -> None:
    """The file, then after a line ``#!`` an endpoint that a client names."""
    text, _, endpoint = data.partition(b"\n#!\n")
    _PATH.write_bytes(text)
    try:
        policy = load_policy(str(_PATH))
    except ConfigError as error:
        assert error.problems
        assert all(problem.where and problem.text for problem in error.problems), error.problems
        return
    named = endpoint.decode("utf-8", "replace")
    principal = Principal("alice", "acme", tuple(policy.roles), ("PJSIP/200",))
    scopes = Scopes(policy.names)
    for op, params in (
        ("channels.originate", {"endpoint": named, "app": "aribridge"}),
        ("channels.originate", {"endpoint": named, "context": named, "extension": "1", "variables": {named: "1"}}),
        ("channels.hangup", {"channelId": named}),
        ("recordings.getStored", {"recordingName": named}),
        ("deviceStates.get", {"deviceName": named}),
        ("mailboxes.get", {"mailboxName": named}),
    ):
        decision = policy.decide(principal, Command("pbx", op, params), "aribridge", scopes)
        assert decision.rule
        assert decision.reason
    policy.sight(principal)
    stranger = policy.decide(Principal("bob"), Command("pbx", "channels.list", {}), "aribridge", scopes)
    assert not stranger.allowed, "somebody without a role is let through"
