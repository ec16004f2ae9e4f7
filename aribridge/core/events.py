"""An ARI event as the stream keeps it: its JSON text, and what filters look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from aribridge.core.policy.scope import Subjects

_CHANNELS = frozenset(
    {"channel", "peer", "caller", "forwarded", "replace_channel", "transferer", "transferee", "destination"}
)
_BRIDGES = frozenset({"bridge", "bridge_from", "transferer_first_leg_bridge", "transferer_second_leg_bridge"})
_JOBS = frozenset({"playback", "recording"})
"""Fields of an event that hold an object of that kind (Asterisk's rest-api/api-docs/events.json)."""

_NONE: frozenset[str] = frozenset()


class Labels(msgspec.Struct, frozen=True, gc=False):
    """What an event is about: its type, the ids of all objects that it names, and whose they are at that time."""

    type: str
    channel: frozenset[str]
    bridge: frozenset[str]
    endpoint: frozenset[str]
    device: frozenset[str]
    playback: frozenset[str]
    recording: frozenset[str]
    scopes: Subjects = ()


class StreamEvent(msgspec.Struct, frozen=True, gc=False):
    """One event on its way to subscribers; ``text`` is the ARI event in JSON."""

    text: str
    labels: Labels


def labels_of(event: Mapping[str, Any], scopes: Subjects = ()) -> Labels:
    """Read off what an event is about; unknown event types and fields are no obstacle."""
    channels, bridges = subjects(event), list[str]()
    endpoint = device = playback = recording = _NONE
    # One look at what is there: nearly all of these fields are missing in nearly all events.
    for field, value in event.items():
        if type(value) is not dict or field in _CHANNELS:
            continue
        if field in _BRIDGES:
            bridges += _name(value, "id")
            channels += _members(value)
        elif field == "endpoint":
            endpoint = _set((f"{value.get('technology')}/{value.get('resource')}",))
        elif field == "device_state":
            device = _set(_name(value, "name"))
        elif field == "playback":
            playback = _set(_name(value, "id"))
        elif field == "recording":
            recording = _set(_name(value, "name"))
    kind = str(event.get("type", ""))
    return Labels(kind, _set(channels), _set(bridges), endpoint, device, playback, recording, scopes)


def subjects(event: Mapping[str, Any]) -> list[str]:
    """The channels that an event is about: as objects, or as the target of a playback or recording."""
    found: list[str] = []
    for field, value in event.items():
        if type(value) is dict:
            if field in _CHANNELS:
                if isinstance(ident := value.get("id"), str):
                    found.append(ident)
            elif field in _JOBS:
                found += _target(value)
    return found


def _set(names: Sequence[str]) -> frozenset[str]:
    if not names:
        return _NONE
    return _set_of_one(names[0]) if len(names) == 1 else frozenset(names)


@lru_cache(4096)
def _set_of_one(name: str) -> frozenset[str]:
    """A call has many events, which are kept for a while: those about the same channel alone share the set."""
    return frozenset((name,))


def _name(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    name = value.get(key)
    return (name,) if isinstance(name, str) else ()


def _members(bridge: Mapping[str, Any]) -> list[str]:
    members = bridge.get("channels")
    return [member for member in members if isinstance(member, str)] if isinstance(members, list) else []


def _target(job: Mapping[str, Any]) -> tuple[str, ...]:
    target = job.get("target_uri")
    if isinstance(target, str) and target.startswith("channel:"):
        return (target.removeprefix("channel:"),)
    return ()
