"""Which channels were made through the gateway: their makers own them, no call flow does."""

from __future__ import annotations

from collections import OrderedDict

from aribridge.core.command import Command
from aribridge.core.instance import Instance
from aribridge.core.making import CHANNEL_MAKERS, made_by, named

_MOST = 10_000


class Made:
    """The newest 10,000 channels that clients and scripts had made, by target and id."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()

    def name(self, command: Command) -> Command:
        """The command with an id for the channel it makes, if it makes one and none was given.

        Chosen beforehand, since a channel's StasisStart may overtake the answer that would tell Asterisk's choice.
        """
        if command.op not in CHANNEL_MAKERS or made_by(command):
            return command
        return named(command, self._instance.fresh_name())

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


def _key(command: Command) -> tuple[str, str] | None:
    made = made_by(command)
    return (made.target, made.id) if made and made.kind == "channels" else None
