"""The policy: what a principal may do by its roles, and by which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aribridge.core.command import Command
from aribridge.core.policy.document import PolicySettings, RoleSettings
from aribridge.core.policy.names import Names, matcher
from aribridge.core.policy.rules import Rule
from aribridge.core.policy.scope import NO_OBJECT, Level, Reach, Sight, owner_of
from aribridge.core.policy.scopes import Scopes
from aribridge.core.principal import Principal

READ_EVENTS = "events.eventWebsocket"
"""The ARI operation that stands for receiving events."""

READS = {
    "channels": "channels.get",
    "bridges": "bridges.get",
    "endpoints": "endpoints.get",
    "deviceStates": "deviceStates.get",
    "playbacks": "playbacks.get",
    "recordings": "recordings.getLive",
    "mailboxes": "mailboxes.get",
    NO_OBJECT: READ_EVENTS,
}
"""The operation that must be allowed on an object for it to be seen, in lists and in the stream."""

BY_OPS = "the ops claim of the token"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says: by which rule (``where``: file and line), and why."""

    allowed: bool
    rule: str
    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class _Role:
    rules: tuple[Rule, ...]
    denies: Callable[[str], bool]
    where: str
    memory: dict[str, tuple[Rule, ...]] = field(default_factory=dict)


class Policy:
    """A compiled policy. ``where`` names the place of a key in its file, for explanations."""

    def __init__(
        self, settings: PolicySettings, where: Callable[[tuple[str | int, ...]], str] = lambda _: "policy"
    ) -> None:
        self.names = Names(settings.tenants, settings.tenant_variable)
        self._roles = {name: _role(name, role, where) for name, role in settings.roles.items()}

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of the roles."""
        return tuple(self._roles)

    def decide(self, principal: Principal, command: Command, app: str, scopes: Scopes) -> Decision:
        """Whether a principal may have a command carried out. ``app`` is the gateway's own application."""
        if principal.may(command.op):
            return Decision(True, BY_OPS, f"It allows {command.op} without conditions.")
        refused = self._unruled(principal, command.op)
        reach = self.reach(principal)
        for rule in self._rules(principal, command.op):
            fault = rule.refusal(command, app, reach, scopes)
            if fault is None:
                return Decision(
                    True, rule.name, f"It allows {command.op} (on = {rule.level.name.lower()}).", rule.where
                )
            refused = Decision(False, rule.name, fault, rule.where)
        return refused

    def level(self, principal: Principal, op: str) -> Level:
        """How far the principal may use an operation."""
        if principal.may(op):
            return Level.ANY
        return max((rule.level for rule in self._rules(principal, op)), default=Level.NONE)

    def sight(self, principal: Principal) -> Sight | None:
        """What of the stream the principal may see; None for all of it."""
        if principal.may(READ_EVENTS):
            return None
        levels = {kind: self.level(principal, op) for kind, op in READS.items()}
        if all(level is Level.ANY for level in levels.values()):
            return None
        return Sight(self.reach(principal), levels)

    def reach(self, principal: Principal) -> Reach:
        """What is the principal's own and its tenant's. A token with a tenant is held to it in any case."""
        divided = self.names.divided or principal.tenant is not None
        return Reach(owner_of(principal), frozenset(principal.endpoints), principal.tenant, divided)

    def _rules(self, principal: Principal, op: str) -> Iterator[Rule]:
        for name in principal.roles:
            role = self._roles.get(name)
            if role is not None:
                yield from _rules_for(role, op)

    def _unruled(self, principal: Principal, op: str) -> Decision:
        """No rule is for the operation: say what there is instead."""
        for name in principal.roles:
            if name in self._roles and self._roles[name].denies(op):
                return Decision(False, f"roles.{name}.deny", f"It denies {op}.", self._roles[name].where)
        known = [name for name in principal.roles if name in self._roles]
        if known:
            return Decision(False, "no rule", f"No rule of {', '.join(known)} allows {op}.")
        given = f"no role of this policy (it has {', '.join(principal.roles)})" if principal.roles else "no role"
        return Decision(False, "no rule", f"The token has {given}, and no ops claim that matches {op}.")


_MOST_REMEMBERED = 1000


def _rules_for(role: _Role, op: str) -> tuple[Rule, ...]:
    found = role.memory.get(op)
    if found is None:
        found = () if role.denies(op) else tuple(rule for rule in role.rules if rule.grants(op))
        if len(role.memory) < _MOST_REMEMBERED:
            role.memory[op] = found
    return found


def _role(name: str, settings: RoleSettings, where: Callable[[tuple[str | int, ...]], str]) -> _Role:
    path: tuple[str | int, ...] = ("roles", name)
    rules = [Rule(settings, f"roles.{name}", where(path))]
    for index, further in enumerate(settings.rules):
        rules.append(Rule(further, f"roles.{name}.rules[{index}]", where((*path, "rules", index))))
    return _Role(tuple(rules), matcher(settings.deny), where((*path, "deny")) or where(path))
