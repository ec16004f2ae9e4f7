"""What a client is told when Asterisk cannot be asked, or does not answer.

The reasons with addresses and user names are the operator's (`outage`); clients learn what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aribridge.protocol.problems import Outcome, Problem

if TYPE_CHECKING:
    from aribridge.ari.http import NoAnswer
    from aribridge.ari.request import Request

RETRY_AFTER_MS = 1000


def no_link(name: str) -> Problem:
    """There is no link to the target of this name; nothing was sent."""
    return Problem(
        "target_down",
        f"The gateway has no link to {name} at the moment; the operator finds the reason under /readyz.",
        after_ms=RETRY_AFTER_MS,
    )


def standing_by(name: str) -> Problem:
    """The target is another client's for now; nothing was sent."""
    return Problem(
        "target_down",
        f"This gateway stands by for {name}, which another one serves: connect to that one.",
        after_ms=RETRY_AFTER_MS,
    )


def no_answer(name: str, request: Request, error: NoAnswer) -> Problem:
    """The request was sent, or was to be; whether it was carried out is only known if it never left or only read."""
    open_outcome = error.sent and request.method != "GET"
    outcome: Outcome = "unknown" if open_outcome else "not_applied"
    detail = f"{name} {_fault(error)}."
    if error.late:
        return Problem("timeout", detail, outcome=outcome)
    if open_outcome:
        return Problem("target_down", detail, retry="never", outcome=outcome)
    return Problem("target_down", detail, after_ms=RETRY_AFTER_MS, outcome=outcome)


def _fault(error: NoAnswer) -> str:
    if error.late and error.sent:
        return "did not answer in time; look at the state of the call before you repeat this"
    if error.late:
        return "had no free connection in time: send less at once, or raise connections of its [[asterisk]]"
    if error.sent:
        return "closed the connection without an answer: it stopped, or sessionlimit in its http.conf is reached"
    return "cannot be connected to; the operator finds the reason under /readyz"
