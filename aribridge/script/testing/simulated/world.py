"""What there is in the simulated Asterisk, and how it tells of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aribridge.protocol.problems import Problem
from aribridge.script.clocks import Clock

APP = "aribridge"
NORMAL = 16
"""Normal call clearing, Q.850."""

Sink = Callable[[str, dict[str, Any]], object]
"""Takes an event of a target."""


def missing(what: str) -> Problem:
    """What Asterisk answers when there is none."""
    return Problem("asterisk_error", f"{what} not found", status=404, source="asterisk")


@dataclass(slots=True)
class Channel:
    """A phone's channel. ``ringing`` is the timer that ends its ringing; ``in_app``: it was told to the gateway."""

    id: str
    target: str
    name: str
    state: str
    caller: dict[str, str]
    connected: dict[str, str] = field(default_factory=lambda: {"name": "", "number": ""})
    exten: str = ""
    context: str = "default"
    language: str = "en"
    args: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""
    originator: str = ""
    in_app: bool = False
    ringing: asyncio.TimerHandle | None = None
    created: str = ""

    def to_json(self) -> dict[str, Any]:
        """As ARI describes it."""
        data = ",".join([APP, *self.args]) if self.in_app else ""
        dialplan = {"context": self.context, "exten": self.exten, "priority": 1, "app_name": "Stasis", "app_data": data}
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "caller": self.caller,
            "connected": self.connected,
            "accountcode": "",
            "dialplan": dialplan,
            "creationtime": self.created,
            "language": self.language,
        }


class World:
    """Channels, and who is told of what becomes of them. ``wall`` tells Unix seconds."""

    def __init__(self, sink: Sink, wall: Clock) -> None:
        self.channels: dict[str, Channel] = {}
        self.at_end: list[Callable[[Channel], None]] = []
        """Called with each channel that is about to go."""
        self._sink = sink
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)

    def fresh_id(self) -> str:
        """An id as Asterisk chooses it."""
        return f"{int(self._wall())}.{next(self._numbers)}"

    def now(self) -> str:
        """The time, as in events."""
        return datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds")

    def later(self, seconds: float, do: Callable[..., object], *arguments: Any) -> asyncio.TimerHandle:
        """Do something when so many seconds have passed."""
        return self._loop.call_later(seconds, do, *arguments)

    def tell(self, target: str, kind: str, fields: Mapping[str, Any]) -> None:
        """Send an event, after those that were sent before, and not before whoever caused it goes on."""
        event = {"type": kind, "application": APP, "timestamp": self.now(), **fields}
        self._loop.call_soon(self._sink, target, event)

    def tell_of(self, channel: Channel, kind: str, **fields: Any) -> None:
        """Send an event about a channel, if the gateway knows it."""
        if channel.in_app:
            self.tell(channel.target, kind, {**fields, "channel": channel.to_json()})

    def channel(self, ident: Any) -> Channel:
        """The channel of that id. Raises Problem 404."""
        found = self.channels.get(str(ident))
        if found is None:
            raise missing("Channel")
        return found

    def enter(self, channel: Channel) -> None:
        """The channel is the gateway's from now on."""
        channel.in_app = True
        self.tell_of(channel, "StasisStart", args=channel.args)

    def set_state(self, channel: Channel, state: str) -> None:
        """Its state changes."""
        if channel.state != state:
            channel.state = state
            self.tell_of(channel, "ChannelStateChange")

    def leave(self, channel: Channel) -> None:
        """The channel goes on in the dialplan, where nobody here sees it any more."""
        self._end(channel)
        self.tell_of(channel, "StasisEnd")

    def destroy(self, channel: Channel, cause: int, text: str) -> None:
        """The channel is gone."""
        was_up = channel.state == "Up" or not channel.originator
        self._end(channel)
        if was_up:
            self.tell_of(channel, "StasisEnd")
        self.tell(channel.target, "ChannelDestroyed", {"cause": cause, "cause_txt": text, "channel": channel.to_json()})

    def _end(self, channel: Channel) -> None:
        if channel.ringing is not None:
            channel.ringing.cancel()
        for look in self.at_end:
            look(channel)
        self.channels.pop(channel.id, None)
