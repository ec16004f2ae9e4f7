"""What the gateway does differently from a plain ARI client: its own application is not the clients' to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aribridge.protocol.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aribridge.ari.catalogue import Operation

_ORIGINATES = frozenset({"channels.originate", "channels.originateWithId"})
_TAKES_APP = _ORIGINATES | {
    "channels.create",
    "channels.externalMedia",
    "channels.snoopChannel",
    "channels.snoopChannelWithId",
}
_CHANGES_APP = frozenset({"applications.filter", "applications.subscribe", "applications.unsubscribe"})


def refuse(operation: Operation, params: Mapping[str, Any], app: str) -> None:
    """Raise Problem for what a client may not or cannot do through the gateway."""
    if operation.id == "events.eventWebsocket":
        raise Problem("use_subscribe", "The gateway holds the event socket for everyone: send a subscribe message.")
    if operation.id in _CHANGES_APP and params.get("applicationName") == app:
        raise Problem(
            "gateway_owns_app",
            f"{operation.id} would change what every client of the application {app} receives: "
            "subscribe with a filter instead.",
        )


def refuse_file(operation: Operation) -> None:
    """Raise Problem for an operation whose answer no message can carry."""
    if operation.returns == "binary":
        raise Problem("binary_body", f"{operation.id} answers with a file: GET /v1/recordings/<target>/<name> has it.")


def fill(operation: Operation, params: Mapping[str, Any], app: str) -> dict[str, Any]:
    """The parameters with the gateway's application where Asterisk needs one and the client named none."""
    if operation.id not in _TAKES_APP or params.get("app"):
        return dict(params)
    if operation.id in _ORIGINATES and params.get("extension"):
        return dict(params)
    return {**params, "app": app}
