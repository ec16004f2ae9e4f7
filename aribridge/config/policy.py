"""Reads the policy file: from TOML to a policy, or to all that is wrong with it, by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path

from aribridge.config.bind import Report, bind_section, meant
from aribridge.config.positions import KeyPath
from aribridge.config.problems import ConfigError, ConfigProblem
from aribridge.config.shipped import shipped
from aribridge.config.sources import Document, read_toml
from aribridge.core.policy.document import PolicySettings, RuleSettings
from aribridge.core.policy.policy import Policy
from aribridge.core.settings import AuthSettings

RESOURCES = (
    "applications",
    "asterisk",
    "bridges",
    "channels",
    "deviceStates",
    "endpoints",
    "events",
    "mailboxes",
    "playbacks",
    "recordings",
    "sounds",
)
"""The resources of ARI (Asterisk 16 to 23), the first part of every operation id."""

_WILD = frozenset("*?[")


def policy_file(setting: str) -> Path:
    """The file that the setting auth.policy names; without one the policy that the gateway brings."""
    return Path(setting) if setting else shipped("policy.toml")


def load_policy(setting: str) -> Policy:
    """Read the policy of a setting. Raises ConfigError with every fault in the file."""
    path = policy_file(setting)
    document = read_toml(path, f"auth.policy names it; one to start from is {shipped('policy.toml')}.")
    problems: list[ConfigProblem] = []

    def report(key: KeyPath, text: str) -> None:
        problems.append(ConfigProblem(document.where(key) or str(path), _dotted(key), text))

    settings = bind_section(PolicySettings, document.tree, report)
    _check(settings, report)
    if problems:
        raise ConfigError(problems)
    return Policy(settings, _places(document, path))


def policy_problems(auth: AuthSettings, report: Report) -> list[ConfigProblem]:
    """Everything that is wrong with the policy; roles of the configuration that it does not have are reported."""
    try:
        policy = load_policy(auth.policy)
    except ConfigError as error:
        return error.problems
    for path, role in _roles(auth):
        if role not in policy.roles:
            report(path, f'the policy has no role "{role}", so it would allow nothing.{meant(role, policy.roles)}')
    return []


def _roles(auth: AuthSettings) -> Iterator[tuple[KeyPath, str]]:
    """The roles that the configuration gives away; those in JSON Web Tokens are their issuers' own."""
    yield from ((("auth", "janus", "roles", index), role) for index, role in enumerate(auth.janus.roles))
    for number, token in enumerate(auth.janus.tokens):
        path = ("auth", "janus", "tokens", number, "roles")
        yield from (((*path, index), role) for index, role in enumerate(token.roles))


def _check(settings: PolicySettings, report: Report) -> None:
    for path, rule in _rules(settings):
        for index, glob in enumerate(rule.allow):
            _check_glob(glob, (*path, "allow", index), report)
        if len(path) > 2 and not rule.allow:
            report(path, "allows nothing: name operations in allow.")
    for name, role in settings.roles.items():
        for index, glob in enumerate(role.deny):
            _check_glob(glob, ("roles", name, "deny", index), report)
        if not role.allow and not role.rules:
            report(("roles", name), "allows nothing: name operations in allow, or take the role out.")
    for name, tenant in settings.tenants.items():
        for index, glob in enumerate(tenant.endpoints):
            if "/" not in glob:
                report(("tenants", name, "endpoints", index), f'expected TECH/name, such as "PJSIP/{glob}".')


def _rules(settings: PolicySettings) -> Iterator[tuple[KeyPath, RuleSettings]]:
    for name, role in settings.roles.items():
        yield ("roles", name), role
        for index, rule in enumerate(role.rules):
            yield ("roles", name, "rules", index), rule


def _check_glob(glob: str, path: KeyPath, report: Report) -> None:
    """A resource that ARI has not would make a rule that is for nothing, without a word."""
    resource, dot, operation = glob.partition(".")
    if glob == "*" or (dot and operation and (resource in RESOURCES or _WILD & set(resource))):
        return
    near = get_close_matches(resource, RESOURCES, n=1)
    meant = f" Did you mean {near[0]}.{operation or '*'}?" if near else ' An example is "channels.hangup".'
    report(path, f'"{glob}" is no ARI operation id, nor a glob on some.{meant}')


def _places(document: Document, path: Path) -> Callable[[KeyPath], str]:
    return lambda key: (document.where(key) or str(path)).rpartition("/")[2]


def _dotted(key: KeyPath) -> str:
    return ".".join(step for step in key if isinstance(step, str))
