"""What was refused to whom: on record and counted, in one way for every door."""

from __future__ import annotations

from typing import Any

from aribridge.core.neighbours import neighbourhood
from aribridge.core.principal import Principal
from aribridge.obs import audit, metrics
from aribridge.protocol.problems import Problem

_LIMIT = 429
_FORM = frozenset({400, 408, 413, 415, 426})
"""What the request looks like is wrong, whoever sends it and whatever is there."""


def refused(problem: Problem, carrier: str, address: str, principal: Principal | None = None, **about: Any) -> None:
    """Note that a request was refused: for its credentials, for the policy, for a limit, or for its form.

    Anything else is not noted here. ``about`` are further fields: ``message`` is what was sent, ``connection`` where.
    """
    if problem.code == "unauthorized":
        audit.turned_away(problem, carrier, address)
    elif problem.code == "forbidden":
        _note("access", problem.detail, carrier, address, principal, about)
    elif problem.status == _LIMIT:
        of_code(problem.code, problem.detail, carrier, address, principal, **about)
    elif problem.status in _FORM and problem.source == "gateway":
        # Not the detail: it may repeat what was sent, and be another one each time.
        of_code(problem.code, f"{problem.kind.title}.", carrier, address, principal, **about)


def of_code(
    code: str, reason: str, carrier: str, address: str, principal: Principal | None = None, **about: Any
) -> None:
    """Note a refusal for a limit or for the form; ``code`` is a problem's, or that of a goodbye."""
    metrics.refusals_total.labels(code).inc()
    _note("refusal", reason, carrier, address, principal, {"error": code, **about})


def _note(
    kind: audit.Kind, reason: str, carrier: str, address: str, principal: Principal | None, about: dict[str, Any]
) -> None:
    """One line a minute for a subject, else for where a stranger comes from: floods must not fill the disk."""
    who = (principal.tenant, principal.sub) if principal else neighbourhood(address)
    known = {"sub": principal.sub, "tenant": principal.tenant, "roles": principal.roles} if principal else {}
    fold = (kind, who, carrier, about.get("message"), about.get("error"))
    audit.note(kind, "deny", fold=fold, **known, carrier=carrier, address=address, **about, reason=reason)
