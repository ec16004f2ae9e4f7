"""Which channels were made through the gateway: their makers own them, no call flow does."""

from __future__ import annotations

import itertools
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from aribridge.core.command import Command
from aribridge.core.instance import NAMED

_ID_PARAMETER = {
    "channels.originate": "channelId",
    "channels.originateWithId": "channelId",
    "channels.create": "channelId",
    "channels.externalMedia": "channelId",
    "channels.snoopChannel": "snoopId",
    "channels.snoopChannelWithId": "snoopId",
}
"""The parameter that names the new channel, by operation. The second half of a Local channel is not among them: it runs
the dialplan like any caller, and where that sends it to the gateway, it comes as one."""

_MOST = 10_000


class Made:
    """The newest 10,000 channels that clients and scripts had made, by target and id."""

    def __init__(self) -> None:
        self._prefix = f"{NAMED}{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()

    def name(self, command: Command) -> Command:
        """The command with an id for the channel it makes, if it makes one and none was given.

        Chosen beforehand, since a channel's StasisStart may overtake the answer that would tell Asterisk's choice.
        """
        parameter = _ID_PARAMETER.get(command.op)
        if parameter is None or command.params.get(parameter):
            return command
        chosen = f"{self._prefix}-{next(self._numbers)}"
        return Command(command.target, command.op, {**command.params, parameter: chosen})

    def add(self, command: Command) -> None:
        """Note the channel that a command makes, if it makes one."""
        if key := _key(command):
            self._ids[key] = None
            self._ids.move_to_end(key)
            if len(self._ids) > _MOST:
                self._ids.popitem(last=False)

    def drop(self, command: Command) -> None:
        """Forget the channel of a command that Asterisk refused."""
        if key := _key(command):
            self._ids.pop(key, None)

    def forget(self, target: str, channel: str) -> None:
        """Forget a channel that is gone."""
        self._ids.pop((target, channel), None)

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._ids


def naming_parameter(op: str) -> str | None:
    """The parameter that names the channel that an operation makes; None if it makes none."""
    return _ID_PARAMETER.get(op)


def _key(command: Command) -> tuple[str, str] | None:
    channel = _made_channel(command.op, command.params)
    return (command.target, channel) if channel else None


def _made_channel(op: str, params: Mapping[str, Any]) -> str | None:
    parameter = _ID_PARAMETER.get(op)
    channel = params.get(parameter) if parameter else None
    return channel if isinstance(channel, str) else None
