"""Which flows hear of which channels: found by the channel, however many flows there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

Who = TypeVar("Who")


class Hearers(Generic[Who]):
    """Who hears of a channel, by target and id; several may."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], dict[Who, None]] = {}

    def add(self, who: Who, target: str, channel: str) -> None:
        """From here on they hear of the channel."""
        self._of.setdefault((target, channel), {})[who] = None

    def remove(self, who: Who, target: str, channel: str) -> None:
        """They hear of it no more."""
        those = self._of.get((target, channel), {})
        those.pop(who, None)
        if not those:
            self._of.pop((target, channel), None)

    def of(self, target: str, channels: Iterable[str]) -> list[Who]:
        """Those who hear of any of these channels, each once."""
        if not self._of:
            return []
        return list(dict.fromkeys(who for channel in channels for who in self._of.get((target, channel), ())))
