"""Who may do and see what on which target, by the policy in force."""

from __future__ import annotations

from typing import Any

import msgspec

from aribridge.core.command import Answer, Command
from aribridge.core.instance import Instance
from aribridge.core.making import can_be_owned, made_by, named
from aribridge.core.policy.lists import within_sight
from aribridge.core.policy.policy import READ_EVENTS, Decision, Policy
from aribridge.core.policy.scope import Level, Sight, owner_of
from aribridge.core.principal import Principal
from aribridge.hub.asked import Asked
from aribridge.hub.targets import Target
from aribridge.obs import metrics
from aribridge.protocol.problems import Problem


class Forbidden(Problem):
    """Problem ``forbidden`` for a command, with the decision."""

    def __init__(self, command: Command, decision: Decision) -> None:
        super().__init__("forbidden", f"{command.op} is not allowed: {decision.reason} ({decision.rule})")
        self.decision = decision


class Access:
    """The policy, as commands and subscriptions ask it; ``policy`` may be exchanged at any time."""

    def __init__(self, policy: Policy, instance: Instance) -> None:
        self.policy = policy
        self._instance = instance

    def decide(self, principal: Principal, command: Command, target: Target) -> Decision:
        """Whether a command may be carried out, by which rule, and why."""
        return self.policy.decide(principal, command, target.link.app, target.stream.scopes)

    def allow(self, principal: Principal, command: Command, target: Target) -> Decision:
        """Why a command may be carried out. Raises Forbidden for one that the principal may not have carried out."""
        decision = self.decide(principal, command, target)
        metrics.policy_decisions_total.labels("allow" if decision.allowed else "deny").inc()
        if not decision.allowed:
            raise Forbidden(command, decision)
        return decision

    def sight(self, principal: Principal) -> Sight | None:
        """What of the stream a principal may see; None for everything. Raises Problem ``forbidden``."""
        if not self._may_see(principal):
            detail = f"Nothing allows events: it takes {READ_EVENTS} in the token's ops or by a role of the policy."
            raise Problem("forbidden", detail)
        return self.policy.sight(principal)

    def sight_left(self, principal: Principal) -> Sight | None:
        """As ``sight``, for subscriptions that are open already: nothing where events are not allowed any more."""
        return self.policy.sight(principal) if self._may_see(principal) else Sight(self.policy.reach(principal), {})

    def _may_see(self, principal: Principal) -> bool:
        return self.policy.level(principal, READ_EVENTS) is not Level.NONE

    def claimed(self, asked: Asked, command: Command, target: Target) -> Command:
        """The command with the id of the channel or bridge that it makes, which is the principal's from now on.

        An id is chosen here only for whom roles count: its events must not come before it is known whose they are.
        """
        principal = asked.principal
        if not principal.roles or not can_be_owned(command.op):
            return command
        command = named(command, self._instance.fresh_name())
        if (thing := made_by(command)) is not None:
            asked.claims = target.stream.scopes.made((thing.kind, thing.id), owner_of(principal))
        return command

    def answered(self, asked: Asked, command: Command, answer: Answer, target: Target) -> Answer:
        """Asterisk's answer as the principal may see it; what it says of the maker's things is remembered."""
        principal = asked.principal
        if answer.status >= 400:
            self._unmade(asked, command, target)
            return answer
        thing = made_by(command)
        if thing is not None and thing.kind == "recordings":
            # Not before: the name may be that of another's recording.
            is_new = command.params.get("ifExists", "fail") == "fail"
            target.stream.scopes.recorded(thing.id, owner_of(principal), is_new=is_new)
        if answer.body is None or principal.may(command.op):
            return answer
        return self._scoped(principal, command, answer, target)

    def failed(self, asked: Asked, command: Command, problem: Problem, target: Target) -> None:
        """Asterisk did not answer."""
        if problem.outcome == "not_applied":
            self._unmade(asked, command, target)

    def _unmade(self, asked: Asked, command: Command, target: Target) -> None:
        thing = made_by(command)
        # What another command is making under this id may have been the reason.
        if thing is not None and thing.can_be_owned and asked.claims:
            target.stream.scopes.unmade((thing.kind, thing.id))

    def _scoped(self, principal: Principal, command: Command, answer: Answer, target: Target) -> Answer:
        sight = self.policy.sight(principal)
        if sight is None:
            return answer
        kept = within_sight(command.op, _decoded(answer.body), sight, target.stream.scopes)
        return answer if kept is None else Answer(answer.status, msgspec.json.encode(kept), answer.content_type)


def _decoded(body: bytes | None) -> Any:
    return msgspec.json.decode(body) if body else None
