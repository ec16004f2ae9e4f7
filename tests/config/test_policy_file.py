"""The policy file: read, or refused with everything that is wrong with it."""

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aribridge.config import ConfigError, load, load_policy, policy_file
from aribridge.core.command import Command
from aribridge.core.policy.scopes import Scopes
from aribridge.core.principal import Principal

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
STARTER, TENANTS = [block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[auth]" not in block]

FAULTS = {
    '[roles.agent]\nallow = ["chanels.*"]\n': ("3", "Did you mean channels.*?"),
    '[roles.agent]\nallow = ["channels"]\n': ("3", "no ARI operation id"),
    '[roles.agent]\nalow = ["*"]\n': ("3", "unknown key. Did you mean allow?"),
    '[roles.agent]\nallow = ["*"]\non = "owner"\n': ("4", 'expected one of "own", "tenant", "any"'),
    '[roles.agent]\nallow = "*"\n': ("3", "a list"),
    "[roles.agent]\n": ("2", "allows nothing"),
    '[roles.agent]\nallow = ["*"]\n[[roles.agent.rules]]\non = "any"\n': ("4", "allows nothing"),
    '[roles.agent]\nallow = ["*"]\ndeny = ["bridge.*"]\n': ("4", "Did you mean bridges.*?"),
    '[tenants.acme]\nendpoints = ["200"]\n': ("3", 'such as "PJSIP/200"'),
    '[tenants.acme]\nphones = ["PJSIP/200"]\n': ("3", "unknown key"),
    '[role.agent]\nallow = ["*"]\n': ("2", "Did you mean roles?"),
    "roles = 3\n": ("2", "expected"),
    "[roles]\nagent = 3\n": ("3", "expected a table"),
    "[roles.agent\n": ("2", "not valid TOML"),
}


@pytest.mark.parametrize(("text", "told"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_fault_is_told_by_line(tmp_path, text, told):
    (tmp_path / "policy.toml").write_text("# mine\n" + text)
    line, words = told
    with pytest.raises(ConfigError) as refused:
        load_policy(str(tmp_path / "policy.toml"))
    assert any(
        problem.where.endswith(f"policy.toml:{line}") and words in problem.text for problem in refused.value.problems
    ), refused.value


def test_all_faults_are_told_at_once_with_those_of_the_configuration(tmp_path):
    (tmp_path / "policy.toml").write_text('[roles.a]\nallow = ["chanels.*"]\n[roles.b]\nallow = ["bridge.*"]\n')
    (tmp_path / "aribridge.toml").write_text('[auth]\npolicy = "policy.toml"\n[lgo]\n')
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "aribridge.toml", {}, {}, complete=False)
    assert [problem.where.rpartition("/")[2] for problem in refused.value.problems] == [
        "policy.toml:2",
        "aribridge.toml:3",
        "policy.toml:4",
    ]


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policy(str(tmp_path / "gone.toml"))


def test_the_starter_policy_of_the_page_works(tmp_path):
    (tmp_path / "policy.toml").write_text(STARTER)
    policy = load_policy(str(tmp_path / "policy.toml"))
    ann, scopes = Principal("ann", roles=("agent",), endpoints=("PJSIP/200",)), Scopes(policy.names)
    for endpoint, allowed in (("PJSIP/200", True), ("PJSIP/300", False)):
        command = Command("pbx", "channels.originate", {"endpoint": endpoint, "extension": "1", "context": "internal"})
        assert policy.decide(ann, command, "aribridge", scopes).allowed is allowed


def test_the_tenants_of_the_page_follow_the_shipped_roles(tmp_path):
    roles = policy_file("").read_text()
    (tmp_path / "policy.toml").write_text(TENANTS.replace("[tenants", f"{roles}\n[tenants", 1))
    policy = load_policy(str(tmp_path / "policy.toml"))
    assert policy.names.endpoint("PJSIP/acme-1") == {"acme"}
    assert policy.names.names_tenant("__TENANT")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any-policy.toml"
    path.write_text(text, errors="replace")
    with contextlib.suppress(ConfigError):
        load_policy(str(path))
