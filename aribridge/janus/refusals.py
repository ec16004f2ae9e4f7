"""Refusals of the Janus API as the audit log and the figures have them."""

from __future__ import annotations

from aribridge.core.principal import Principal
from aribridge.janus.errors import Code, JanusError
from aribridge.obs.refusals import refused
from aribridge.protocol.problems import Problem

CARRIER = "janus"
"""What the audit log says that such a client comes by."""

_FORM = frozenset(
    (
        *(Code.INVALID_JSON, Code.NOT_AN_OBJECT, Code.MISSING_ELEMENT, Code.WRONG_LEVEL, Code.UNKNOWN_REQUEST),
        *(Code.UNKNOWN_JSEP, Code.WRONG_TYPE),
    )
)


def note(
    error: JanusError | Problem,
    address: str,
    principal: Principal | None = None,
    *,
    message: str | None = None,
    connection: str | None = None,
) -> None:
    """Note what was refused for a limit or its form; refused credentials are noted where they are judged."""
    if isinstance(error, JanusError):
        if error.code not in _FORM:
            return
        error = Problem("bad_message", error.reason)
    if error.code not in {"unauthorized", "forbidden"}:
        refused(error, CARRIER, address, principal, message=message, connection=connection)
