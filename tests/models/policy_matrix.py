"""Every operation of the installed Asterisks, who may use it by the shipped policy, and how one would try it on others.

`PYTHONPATH=tests .venv/bin/python -m models.policy_matrix > docs/policy-matrix.md` writes the page.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aribridge.ari.description import read_catalogue
from aribridge.asterisk.install import install
from aribridge.config import load_policy
from aribridge.core.policy.scope import Level
from aribridge.core.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aribridge.ari.catalogue import Catalogue, Operation, Parameter
    from aribridge.core.policy.policy import Policy

ROLES = ("viewer", "agent", "supervisor", "admin")
RELEASES = ("16", "22")

THINGS = {
    "channelId": "channel",
    "channel": "channel",
    "caller": "channel",
    "originator": "channel",
    "otherChannelId": "channel",
    "snoopId": "channel",
    "bridgeId": "bridge",
    "playbackId": "playback",
    "recordingName": "recording",
    "destinationRecordingName": "recording",
    "mailboxName": "mailbox",
    "deviceName": "device",
    "resource": "resource",
    "endpoint": "endpoint",
    "context": "context",
    "app": "app",
    "applicationName": "app",
    "application": "app",
    "eventSource": "source",
    "source": "source",
    "to": "address",
    "refer_to": "address",
    "media": "media",
    "variable": "variable",
    "variables": "variables",
}
"""Parameters by which a command can touch what is somebody's, and the kind of thing that each names."""

PLAIN: dict[str, Any] = {
    "tech": "PJSIP",
    "name": "a name",
    "dtmf": "1",
    "value": "x",
    "format": "wav",
    "external_host": "127.0.0.1:9",
    "deviceState": "BUSY",
    "oldMessages": 0,
    "newMessages": 0,
    "operation": "pause",
    "moduleName": "app_echo.so",
    "logChannelName": "x",
    "configuration": "notice",
    "configClass": "res_pjsip",
    "objectType": "endpoint",
    "id": "x",
    "soundId": "hello",
    "eventName": "x",
    "from": "sip:x@127.0.0.1",
    "states": "channel_progress",
    "filter": {},
    "fields": [],
}
"""Values for required parameters by which nothing of anybody's is touched."""

HARMLESS = {
    "absorbDTMF", "after", "announcer_format", "appArgs", "beep", "before", "between", "body", "callerId",
    "connection_type", "data", "direction", "duration", "encapsulation", "extension", "formats", "ifExists",
    "inhibitConnectedLineUpdates", "label", "lang", "maxDurationSeconds", "maxSilenceSeconds", "mohClass", "mute",
    "offsetms", "only", "priority", "reason", "reason_code", "recorder_format", "report_events", "role", "skipms",
    "spy", "subscribeAll", "terminateOn", "timeout", "to_self", "transport", "transport_data", "type", "whisper",
}  # fmt: skip
HARMLESS |= PLAIN.keys()
"""Parameters that name nothing of anybody's."""


@dataclass(frozen=True)
class Try:
    """A command that touches one thing of somebody else's, by one parameter."""

    op: str
    by: str
    kind: str
    params: dict[str, Any]


def catalogue_of(release: str) -> Catalogue:
    """The operations that an Asterisk describes."""
    folder = install(release).data / "rest-api"
    files = [(f"/api-docs/{path.name}", path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return read_catalogue([(name, content) for name, content in files if b'"apis"' in content])


def thing(operation: Operation, name: str) -> str | None:
    """The kind of thing that a parameter of an operation names; None where it names nobody's."""
    if name == "name" and operation.id.endswith(".record"):
        return "recording"
    if name == "variables" and operation.parameters[name].location == "query":
        return "variable"
    return THINGS.get(name)


def tries(operation: Operation, mine: dict[str, Any], theirs: dict[str, Any]) -> Iterator[Try]:
    """One command for each parameter by which the operation could touch something of theirs, the others being mine."""
    for name in operation.parameters:
        kind = thing(operation, name)
        if kind is not None:
            params = dict(_needed(operation, mine)) | {name: theirs[kind]}
            yield Try(operation.id, name, kind, params)


def plain(operation: Operation, mine: dict[str, Any]) -> Try:
    """The operation with what it needs and nothing of anybody else's."""
    return Try(operation.id, "", "", dict(_needed(operation, mine)))


def _needed(operation: Operation, mine: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for parameter in operation.parameters.values():
        kind = thing(operation, parameter.name)
        if kind is not None and parameter.required:
            yield parameter.name, mine[kind]
        elif parameter.required:
            yield parameter.name, _value(parameter)


def _value(parameter: Parameter) -> Any:
    return parameter.allowed[0] if parameter.allowed else PLAIN[parameter.name]


def matrix(policy: Policy, catalogues: dict[str, Catalogue]) -> str:
    """The page: how far each role may use each operation."""
    ids = sorted({operation.id for catalogue in catalogues.values() for operation in catalogue})
    return HEAD + "".join(_row(policy, op, catalogues) for op in ids)


HEAD = f"""# What the shipped roles may do

On which objects each role of [conf/policy.toml](../conf/policy.toml) may use each operation of Asterisk
{" and ".join(RELEASES)}; an empty cell is a denial. [policy.md](policy.md) says what own, tenant and any are.

Made and proven by `tests/e2e/test_policy_matrix.py`: every operation is tried on what is another tenant's, and on what
is a colleague's, by each parameter that could name it, and every message of the stream is read live and replayed.

| operation | {" | ".join(ROLES)} | only in |
|---|{"---|" * len(ROLES)}---|
"""


def _row(policy: Policy, op: str, catalogues: dict[str, Catalogue]) -> str:
    levels = [policy.level(Principal("x", roles=(role,)), op) for role in ROLES]
    cells = ["" if level is Level.NONE else level.name.lower() for level in levels]
    releases = [release for release, catalogue in catalogues.items() if any(one.id == op for one in catalogue)]
    only = releases[0] if len(releases) < len(catalogues) else ""
    return f"| `{op}` | {' | '.join([*cells, only])} |\n"


if __name__ == "__main__":
    sys.stdout.write(matrix(load_policy(""), {release: catalogue_of(release) for release in RELEASES}))
