"""Lists of objects, as a principal may see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aribridge.core.policy.scope import Sight
from aribridge.core.policy.scopes import Scopes

_LISTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "channels.list": ("channels", lambda one: str(one["id"])),
    "bridges.list": ("bridges", lambda one: str(one["id"])),
    "endpoints.list": ("endpoints", lambda one: f"{one['technology']}/{one['resource']}"),
    "endpoints.listByTech": ("endpoints", lambda one: f"{one['technology']}/{one['resource']}"),
    "deviceStates.list": ("deviceStates", lambda one: str(one["name"])),
    "mailboxes.list": ("mailboxes", lambda one: str(one["name"])),
    "recordings.listStored": ("recordings", lambda one: str(one["name"])),
}
_APPLICATION = {
    "channel_ids": "channels",
    "bridge_ids": "bridges",
    "endpoint_ids": "endpoints",
    "device_names": "deviceStates",
}
"""The members of an application that name objects."""


def within_sight(op: str, body: Any, sight: Sight, scopes: Scopes) -> Any:
    """The answer to an operation without what is out of sight; None where there is nothing to leave out."""
    if op in _LISTS and isinstance(body, list):
        kind, ident = _LISTS[op]
        return [one for one in body if _seen(sight, scopes, kind, ident(one))]
    if op.startswith("applications."):
        several = body if isinstance(body, list) else [body]
        kept = [_application(one, sight, scopes) for one in several]
        return kept if isinstance(body, list) else kept[0]
    return None


def _application(app: Any, sight: Sight, scopes: Scopes) -> Any:
    if not isinstance(app, dict):
        return app
    kept = {
        member: [ident for ident in app.get(member, ()) if _seen(sight, scopes, kind, ident)]
        for member, kind in _APPLICATION.items()
    }
    return {**app, **kept}


def _seen(sight: Sight, scopes: Scopes, kind: str, ident: str) -> bool:
    return sight.reach.covers(sight.level(kind), scopes.of(kind, ident))
