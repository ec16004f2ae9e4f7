"""Commands as lines of the audit log: whom and what they are about, never what is secret in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from aribridge.core.command import Answer, Command
from aribridge.core.making import MAKERS
from aribridge.core.policy.uses import How, uses
from aribridge.core.principal import Principal
from aribridge.hub.asked import Asked
from aribridge.hub.result import Result
from aribridge.obs import audit
from aribridge.obs.refusals import of_code, refused
from aribridge.protocol.goodbyes import GOODBYES
from aribridge.protocol.problems import Problem
from aribridge.script import Client

LONGEST = 200
MOST = 20
HIDDEN = "…"

_SHOWN = frozenset(
    (
        *("addresses", "answeredBy", "app", "appId", "appIdQuery", "application", "applicationName", "autoDelete"),
        *("beep", "bridgeId", "callerId", "caller", "channel", "channelId", "codec", "connection_type", "context"),
        *("destinationRecordingName", "deviceName", "direction", "encapsulation", "endpoint", "eventSource"),
        *("external_host", "from"),
        *("extension", "filter", "format", "formats", "id", "ifExists", "inhibitConnectedLineUpdates", "label"),
        *("lang", "logChannelName", "mailboxName", "maxDurationSeconds", "maxSilenceSeconds", "media", "mohClass"),
        *("moduleName", "mute", "name", "newMessages", "objectType", "offsetms", "oldMessages", "operation"),
        *("originator", "otherChannelId", "playbackId", "priority", "reason", "recordingName", "refer_to", "resource"),
        *("role", "skipms", "snoopId", "source", "spy", "tech", "terminateOn", "timeout", "to", "transport", "type"),
        *("variable", "whisper"),
    )
)
"""Parameters whose values are no secrets. Of all others there is only the name: values of variables, digits that were
dialled, texts, arguments of applications, what a later Asterisk may add."""

_ENDED = frozenset({"bad_frame", "frame_too_large", "too_many_connections"})
_NAMES = frozenset({"variables", "fields"})
"""Objects, of which the names are shown."""


class _Made(msgspec.Struct):
    id: str


def asked(one: Asked, result: Result, *, always: bool = False) -> None:
    """A client's command is over: write it, where it is to be written."""
    if one.command is None:
        if result.error is not None:
            denied(one.client, one.principal, "request", result.error)
        return
    forbidden = result.status == 403 and (result.error is None or result.error.source != "asterisk")
    if not (forbidden or always or audit.wants(read=one.only_reads)):
        return
    decision, error = one.decision, result.error
    allowed = decision is not None and decision.allowed and not forbidden
    audit.note(
        "command",
        "allow" if allowed else "deny",
        **who(one.client, one.principal),
        request=one.request.id or None,
        key=one.request.key,
        **what(one.command),
        made=_made(one.command, result.body),
        rule=decision and decision.rule,
        where=decision and decision.where,
        reason=_reason(one, result),
        changed_by=one.changed_by,
        scripts=one.scripts,
        status=result.status,
        error=error and error.code,
        source=error.source if error else None,
        outcome=result.outcome,
        replayed=result.replayed or None,
    )


def denied(client: Client, principal: Principal | None, message: str, problem: Problem) -> None:
    """A message was refused before it was known to be a command, or is none."""
    refused(problem, client.kind, client.address, principal, connection=client.id, message=message)


def ended(client: Client, principal: Principal | None, slug: str, detail: str) -> None:
    """A connection was ended for a limit, or for frames that are no messages."""
    if slug in _ENDED:
        reason = detail if slug == "too_many_connections" else GOODBYES[slug].meaning
        of_code(slug, reason, client.kind, client.address, principal, connection=client.id)


def unasked(command: Command, by: str, result: Answer | Problem) -> None:
    """A command that no client asked for is over: a script's, or the gateway's own."""
    refusal = result if isinstance(result, Problem) else None
    outcome = refusal.outcome if refusal else "applied" if result.status < 400 else "not_applied"
    audit.note(
        "command",
        "allow",
        by=str(by),
        script=audit.script_at_work(),
        **what(command),
        made=None if isinstance(result, Problem) else _made(command, result.body),
        status=result.status,
        error=refusal and refusal.code,
        outcome=outcome,
    )


def who(client: Client, principal: Principal | None) -> dict[str, Any]:
    """The fields that say who asks, as far as that is known."""
    known = principal and {"sub": principal.sub, "tenant": principal.tenant, "roles": principal.roles}
    return {**(known or {}), "connection": client.id, "carrier": client.kind, "address": client.address}


def what(command: Command) -> dict[str, Any]:
    """The fields that say what is asked for, and on what."""
    return {"op": command.op, "target": command.target, "on": _on(command), "params": _params(command.params)}


def _on(command: Command) -> dict[str, list[str]]:
    """Ids by kind: what is there, what is made under a name, what is called."""
    found: dict[str, list[str]] = {}
    for use in uses(command):
        kind = "endpoints" if use.how is How.CALL else use.kind
        if kind and use.how in {How.OBJECT, How.NEW, How.CALL} and len(ids := found.setdefault(kind, [])) < MOST:
            ids.append(_clipped(use.id))
    return found


def _params(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name[:LONGEST]: _shown(name, value) for name, value in list(params.items())[:MOST]}


def _shown(name: str, value: Any) -> Any:
    if name in _NAMES:
        return [_clipped(str(one)) for one in list(_names(value))[:MOST]]
    if name not in _SHOWN:
        return HIDDEN
    if isinstance(value, str):
        return _clipped(value)
    if isinstance(value, list):
        return [_clipped(one) for one in value[:MOST] if isinstance(one, str)]
    return value if isinstance(value, bool | int | float) else HIDDEN


def _names(value: Any) -> Iterator[Any]:
    """Of an object's members, or of what a comma list or a list of attributes names."""
    if isinstance(value, Mapping):
        yield from value
    elif isinstance(value, str):
        yield from value.split(",")
    elif isinstance(value, list):
        yield from (one.get("attribute", HIDDEN) if isinstance(one, Mapping) else HIDDEN for one in value)


def _clipped(text: str) -> str:
    """Without arguments of dialplan functions and queries of URLs: both may hold what is nobody's business."""
    text = text.partition("(")[0] if "(" in text else text
    text = f"{text.partition('?')[0]}?{HIDDEN}" if "://" in text and "?" in text else text
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}{HIDDEN}"


def _made(command: Command, body: Any) -> str | None:
    """The id of what the command made."""
    if command.op not in MAKERS or not body:
        return None
    kind, parameter = MAKERS[command.op]
    try:
        ident = command.params.get(parameter) or msgspec.json.decode(body, type=_Made).id
    except (msgspec.MsgspecError, TypeError):
        return None
    return f"{kind}/{_clipped(str(ident))}"


def _reason(one: Asked, result: Result) -> str | None:
    """Why: the policy's words, or those of what refused it."""
    if result.status == 403 and result.error is not None:
        return result.error.detail
    return one.decision.reason if one.decision is not None else None
