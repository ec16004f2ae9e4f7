"""Calls that no script took: a client has some time to do something with each, then it goes back to the dialplan."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from aribridge.core.command import Command


class Unhandled:
    """Calls ``give_up`` with target and channel of each call that nobody touched for ``seconds``."""

    def __init__(self, seconds: float, give_up: Callable[[str, str], None]) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._waiting: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def watch(self, target: str, channel: str, at_most: float = math.inf) -> None:
        """Start the clock for a call, or start it anew."""
        self.forget(target, channel)
        seconds = min(self._seconds, at_most)
        self._waiting[target, channel] = asyncio.get_running_loop().call_later(seconds, self._fire, target, channel)

    def touched(self, command: Command) -> None:
        """Stop the clocks of the calls that a command is about."""
        if not self._waiting:
            return
        for value in command.params.values():
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, str):
                    for channel in item.split(","):
                        self.forget(command.target, channel)

    def forget(self, target: str, channel: str) -> None:
        """Stop the clock of a call, if one runs."""
        if timer := self._waiting.pop((target, channel), None):
            timer.cancel()

    def forget_all(self, target: str) -> None:
        """Stop the clocks of all calls of an Asterisk."""
        for name, channel in tuple(self._waiting):
            if name == target:
                self.forget(name, channel)

    def close(self) -> None:
        """Stop all clocks."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def _fire(self, target: str, channel: str) -> None:
        del self._waiting[target, channel]
        self._give_up(target, channel)
