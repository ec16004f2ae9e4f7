"""Events and commands as a line of a trace.

Digits that a caller typed and values of variables are left out: they may be PINs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aribridge.core.command import Command

LONGEST = 200

_OF_EVENTS = ("application", "args", "dialstatus", "cause_txt", "variable", "eventname", "dialplan_app", "result")
_PARTS = (("bridge", "id"), ("playback", "media_uri"), ("recording", "name"))
_OF_COMMANDS = (
    *("endpoint", "app", "media", "name", "bridgeId", "channel", "reason", "variable", "context", "extension"),
    *("priority", "label", "timeout", "playbackId", "mohClass", "direction", "lang"),
)
_CHANNELS = ("channelId", "otherChannelId", "originator", "snoopId", "channel")


def event_text(event: Mapping[str, Any]) -> str:
    """``StasisStart PJSIP/alice-00000001 Up application=aribridge``."""
    words = [str(event.get("type", ""))]
    channel = event.get("channel") or event.get("peer")
    if isinstance(channel, dict):
        words += (str(channel.get("name")), str(channel.get("state")))
    # Most fields are missing in most events.
    for name in _OF_EVENTS:
        if name in event and (value := event[name]):
            words.append(f"{name}={value}")
    for kind, key in _PARTS:
        if kind in event and isinstance(part := event[kind], dict):
            words.append(f"{kind}={part.get(key)}")
            words += [str(part["state"])] if "state" in part else []
    return clipped(" ".join(words))


def command_text(command: Command, by: str, result: str) -> str:
    """``channels.play media=sound:hello by alice: 201``."""
    words = [f"{name}={value}" for name in _OF_COMMANDS if (value := command.params.get(name)) not in (None, "")]
    return clipped(" ".join((command.op, *words, f"by {by}: {result}")))


def channels_in(command: Command) -> Iterator[str]:
    """The ids of the channels that a command names."""
    for name in _CHANNELS:
        value = command.params.get(name)
        if isinstance(value, str):
            yield from value.split(",")
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))


def clipped(text: str) -> str:
    """A text in one line, cut to what a line of a trace can bear."""
    line = " ".join(text[: LONGEST + 1].split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
