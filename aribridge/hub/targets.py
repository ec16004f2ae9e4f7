"""The configured Asterisks, as commands and subscriptions find them by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aribridge.ari import Link
from aribridge.core.sweep import Sweep
from aribridge.hub.feed import Feed
from aribridge.protocol.nearest import nearest
from aribridge.protocol.problems import Problem
from aribridge.stream import Stream


@dataclass(frozen=True, slots=True)
class Target:
    """One Asterisk: the link to it, the stream of its events, what feeds that, and what is left over in it."""

    name: str
    link: Link
    stream: Stream
    feed: Feed
    sweep: Sweep

    @property
    def ready(self) -> bool:
        """Whether commands go and events come."""
        return self.link.up and self.stream.is_open

    @property
    def reason(self) -> str:
        """Why it is not ready, and what to do; empty when it is."""
        if self.link.up and not self.stream.is_open:
            return "The state of its calls is being read; if that lasts, the log says what Asterisk answers."
        return self.link.reason

    def to_welcome(self) -> dict[str, Any]:
        """One of the ``targets`` of a welcome."""
        return {"name": self.name, "app": self.link.app, "asterisk": self.link.version, "up": self.link.up}


class Targets:
    """All targets, in the order of the configuration."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}

    def add(self, target: Target) -> None:
        """Add one; names are unique by the configuration's own check."""
        self._targets[target.name] = target

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets.values())

    def pick(self, name: str | None) -> Target:
        """Return the named target, or the only one. Raises Problem ``unknown_target`` or ``target_required``."""
        if name is None:
            return self._only()
        if name in self._targets:
            return self._targets[name]
        near = nearest(name, self._targets)
        hint = f'Did you mean "{near}"?' if near else f"Configured are: {', '.join(self._targets) or 'none'}."
        raise Problem("unknown_target", f"No Asterisk is named {name[:64]!r}. {hint}")

    def _only(self) -> Target:
        if len(self._targets) == 1:
            return next(iter(self._targets.values()))
        if not self._targets:
            raise Problem("unknown_target", "No Asterisk is configured: add an [[asterisk]] section to aribridge.toml.")
        raise Problem("target_required", f"Set target to one of: {', '.join(self._targets)}.")
