"""Which ARI operations make something, and how what they make is named, read and ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aribridge.core.command import Command
from aribridge.core.state.kinds import KINDS

SNOOPS = frozenset({"channels.snoopChannel", "channels.snoopChannelWithId"})
CHANNEL_MAKERS = SNOOPS | {
    "channels.originate",
    "channels.originateWithId",
    "channels.create",
    "channels.externalMedia",
}
MAKERS = (
    {op: ("channels", "snoopId" if op in SNOOPS else "channelId") for op in CHANNEL_MAKERS}
    | dict.fromkeys(("bridges.create", "bridges.createWithId"), ("bridges", "bridgeId"))
    | {f"{at}.{op}": ("playbacks", "playbackId") for at in ("channels", "bridges") for op in ("play", "playWithId")}
    | {f"{at}.record": ("recordings", "name") for at in ("channels", "bridges")}
)
"""Kind of what is made, and the parameter that names it, by operation. The second half of a Local channel is not among
them: it runs the dialplan like any caller."""

_ENDS = {"channels": "channels.hangup", "bridges": "bridges.destroy"}
_CREATIONS = {
    "ChannelCreated": "channels",
    "BridgeCreated": "bridges",
    "PlaybackStarted": "playbacks",
    "RecordingStarted": "recordings",
}


@dataclass(frozen=True, slots=True)
class Thing:
    """What a command makes on an Asterisk: its kind, named as ARI's resource is, and its id."""

    target: str
    kind: str
    id: str

    @property
    def can_be_owned(self) -> bool:
        """Whether it can be hung up or destroyed."""
        return self.kind in _ENDS

    @property
    def reading(self) -> Command:
        """The command that reads it."""
        kind = KINDS[self.kind]
        return Command(self.target, kind.reading, kind.parameters(self.id))

    @property
    def ending(self) -> Command:
        """The command that hangs up the channel or destroys the bridge; for things that `can_be_owned`."""
        return Command(self.target, _ENDS[self.kind], KINDS[self.kind].parameters(self.id))


def made_by(command: Command) -> Thing | None:
    """What a command makes; None if it makes nothing, or leaves the name to Asterisk."""
    kind, parameter = MAKERS.get(command.op, ("", ""))
    ident = command.params.get(parameter)
    return Thing(command.target, kind, ident) if isinstance(ident, str) and ident else None


def named(command: Command, name: str) -> Command:
    """The command with a name for what it makes, if it makes something and gives it none."""
    if command.op not in MAKERS or made_by(command):
        return command
    return Command(command.target, command.op, {**command.params, MAKERS[command.op][1]: name})


def naming_parameter(op: str) -> str | None:
    """The parameter that names the channel that an operation makes; None if it makes none."""
    return MAKERS[op][1] if op in CHANNEL_MAKERS else None


def can_be_owned(op: str) -> bool:
    """Whether the operation makes what can be hung up: a channel or a bridge."""
    return op in MAKERS and MAKERS[op][0] in _ENDS


def things_in(target: str, event: Mapping[str, Any]) -> Iterator[tuple[Thing, Mapping[str, Any], bool]]:
    """The things that an event shows, as they are in it, and whether it says that they were made just now."""
    created = _CREATIONS.get(event.get("type", ""))
    for kind in _CREATIONS.values():
        value = event.get(KINDS[kind].field)
        if isinstance(value, dict) and (ident := KINDS[kind].id_of(value)):
            yield Thing(target, kind, ident), value, kind == created
