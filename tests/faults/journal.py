"""What is written down during a run: what Asterisk emitted, and what each client was told, with times of one clock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

Event = dict[str, Any]
Position = tuple[str, int]

OF_THE_APPLICATION = ("StasisStart", "StasisEnd", "ChannelUserevent")
"""Told to the application of the channel alone, so that nobody else can see what Asterisk emitted."""


@dataclass(frozen=True)
class Emitted:
    event: Event
    at: float


@dataclass(frozen=True)
class Start:
    """A subscription without `since`: nothing before is owed."""

    position: Position
    at: float


@dataclass(frozen=True)
class Got:
    position: Position
    event: Event
    at: float


@dataclass(frozen=True)
class Gap:
    was: Position
    now: Position
    reason: str
    at: float


@dataclass(frozen=True)
class Away:
    """The connection ended, or could not be made."""

    why: str
    at: float


@dataclass
class Journal:
    """One client's. `broken`: where what came did not follow on what the client had."""

    name: str
    filter: dict[str, list[str]]
    door: str = "ws"
    steady: bool = True
    entries: list[Start | Got | Gap | Away] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def selects(self, event: Event) -> bool:
        """Whether the subscription's filter has it: keys ANDed, values ORed, as docs/protocol.md says."""
        named = {"type": [event["type"]], "channel": channels(event), "bridge": ids(event, "bridge")}
        return all(
            any(fnmatchcase(one, value) for value in values for one in named[key])
            for key, values in self.filter.items()
        )


def ids(event: Event, *fields: str) -> list[str]:
    return [event[field]["id"] for field in fields if "id" in event.get(field, ())]


def channels(event: Event) -> list[str]:
    return ids(event, "channel", "peer", "caller", "forwarded") + event.get("bridge", {}).get("channels", [])


def position(message: dict[str, Any]) -> Position:
    return message["epoch"], message["seq"]


def identity(event: Event) -> str:
    """What makes an event the same one for two applications."""
    return json.dumps({key: value for key, value in event.items() if key != "application"}, sort_keys=True)


def moment(event: Event) -> float:
    """When Asterisk says that it happened, in seconds."""
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def topic(event: Event) -> tuple[str, ...]:
    """What Asterisk keeps the order of: the events of one object."""
    kind = event["type"]
    if kind in OF_THE_APPLICATION:
        return ("application", *ids(event, "channel"))
    if "bridge" in event:
        return ("bridge", event["bridge"]["id"])
    if "endpoint" in event:
        return ("endpoint", event["endpoint"]["technology"], event["endpoint"]["resource"])
    return ("channel", *ids(event, "peer" if kind == "Dial" else "channel"))
