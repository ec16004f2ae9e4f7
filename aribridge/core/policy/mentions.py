"""The objects that an event holds, wherever in it they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Mention = tuple[str, str, Mapping[str, Any]]
"""Kind, id and value of an object."""

_CHANNELS = frozenset(
    {"channel", "caller", "peer", "forwarded", "replace_channel", "transferer", "transferee", "destination"}
)
_BRIDGES = frozenset({"bridge", "bridge_from"})
_NAMED = {
    "playback": ("playbacks", "id"),
    "recording": ("recordings", "name"),
    "device_state": ("deviceStates", "name"),
}


def mentions(event: Mapping[str, Any]) -> list[Mention]:
    """Every object in an event, by what it looks like: Asterisk's transfers name them in many fields."""
    found: list[Mention] = []
    for field, value in event.items():
        if type(value) is dict:
            mention = _mention(field, value)
            if mention is not None:
                found.append(mention)
            elif not field.endswith("vars"):
                found += _inner(value)
    return found


def _inner(value: Mapping[str, Any]) -> Iterator[Mention]:
    """Objects one level deeper, as refer_to and referred_by of a ChannelTransfer have them."""
    for field, inner in value.items():
        if type(inner) is dict and (found := _mention(field, inner)) is not None:
            yield found


def _mention(field: str, value: Mapping[str, Any]) -> Mention | None:
    if field in _NAMED:
        kind, key = _NAMED[field]
        return _if_text(kind, value.get(key), value)
    if "technology" in value and "resource" in value:
        return "endpoints", f"{value['technology']}/{value['resource']}", value
    if field in _BRIDGES or "bridge_type" in value:
        return _if_text("bridges", value.get("id"), value)
    if field in _CHANNELS or "dialplan" in value:
        return _if_text("channels", value.get("id"), value)
    return None


def _if_text(kind: str, ident: Any, value: Mapping[str, Any]) -> Mention | None:
    return (kind, ident, value) if isinstance(ident, str) else None
