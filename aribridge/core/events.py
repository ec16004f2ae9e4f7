"""An ARI event as the stream keeps it: its JSON text, and what filters look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from aribridge.core.policy.scope import Subjects

_SINGLE = {
    "channel": ("channel", "peer", "caller", "forwarded", "replace_channel", "transferer", "transferee", "destination"),
    "bridge": ("bridge", "bridge_from", "transferer_first_leg_bridge", "transferer_second_leg_bridge"),
}
"""Fields of an event that hold an object of that kind (Asterisk's rest-api/api-docs/events.json)."""


class Labels(msgspec.Struct, frozen=True):
    """What an event is about: its type, the ids of all objects that it names, and whose they are at that time."""

    type: str
    channel: frozenset[str]
    bridge: frozenset[str]
    endpoint: frozenset[str]
    device: frozenset[str]
    playback: frozenset[str]
    recording: frozenset[str]
    scopes: Subjects = ()


class StreamEvent(msgspec.Struct, frozen=True):
    """One event on its way to subscribers; ``text`` is the ARI event in JSON."""

    text: str
    labels: Labels


def labels_of(event: Mapping[str, Any], scopes: Subjects = ()) -> Labels:
    """Read off what an event is about; unknown event types and fields are no obstacle."""
    return Labels(
        type=str(event.get("type", "")),
        channel=frozenset(_channels(event)),
        bridge=frozenset(_ids(event, "bridge")),
        endpoint=frozenset(_endpoints(event)),
        device=_one(event, "device_state", "name"),
        playback=_one(event, "playback", "id"),
        recording=_one(event, "recording", "name"),
        scopes=scopes,
    )


def _ids(event: Mapping[str, Any], kind: str) -> Iterator[str]:
    for field in _SINGLE[kind]:
        value = event.get(field)
        if isinstance(value, dict) and isinstance(value.get("id"), str):
            yield value["id"]


def _channels(event: Mapping[str, Any]) -> Iterator[str]:
    """All channels named: those that it is about, and members of the named bridges."""
    yield from subjects(event)
    for field in _SINGLE["bridge"]:
        bridge = event.get(field)
        members = bridge.get("channels") if isinstance(bridge, dict) else None
        yield from (member for member in members or () if isinstance(member, str))


def subjects(event: Mapping[str, Any]) -> Iterator[str]:
    """The channels that an event is about: as objects, or as the target of a playback or recording."""
    yield from _ids(event, "channel")
    for field in ("playback", "recording"):
        job = event.get(field)
        target = job.get("target_uri") if isinstance(job, dict) else None
        if isinstance(target, str) and target.startswith("channel:"):
            yield target.removeprefix("channel:")


def _endpoints(event: Mapping[str, Any]) -> Iterator[str]:
    endpoint = event.get("endpoint")
    if isinstance(endpoint, dict):
        yield f"{endpoint.get('technology')}/{endpoint.get('resource')}"


def _one(event: Mapping[str, Any], field: str, key: str) -> frozenset[str]:
    value = event.get(field)
    name = value.get(key) if isinstance(value, dict) else None
    return frozenset((name,)) if isinstance(name, str) else frozenset()
