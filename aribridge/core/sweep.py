"""What the gateway made in Asterisk and nobody has any more: bridges, snoops and external media to be removed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aribridge.core.instance import Instance

_TOOLS = ("Snoop/", "UnicastRTP/", "AudioSocket/", "WebSocket/")
"""How the names of channels begin that snoop on a call or bring it media; no party to it is on their other end."""
_MOST_IN_USE = 10_000

Objects = Mapping[str, Mapping[str, Any]]
"""What ARI says of each, by id."""

Owned = Callable[[str], bool]
"""Whether what has this id has an owner."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A channel or bridge that nobody has any more; ``kind`` is that of ARI's resource."""

    kind: str
    id: str


class Sweep:
    """One Asterisk's leftovers, ``grace`` seconds after they were left.

    Left over is what this gateway named, but no command of this run did, and what holds no party to a call: a tool that
    is in no bridge but such a one, and a bridge of such tools, or of nobody. Times are seconds on any steady clock.
    """

    def __init__(self, instance: Instance, grace: float) -> None:
        self._instance = instance
        self._grace = grace
        self._in_use: OrderedDict[str, None] = OrderedDict()
        self._since: dict[Leftover, float] = {}

    def use(self, values: Iterable[Any], *, by_script: bool) -> None:
        """A command has these parameters: what they name is in use, apart from what a flow makes, while it lasts."""
        for value in values:
            for ident in value if isinstance(value, list) else (value,):
                if isinstance(ident, str) and self._instance.named(ident):
                    self._use(ident, by_script=by_script)

    def _use(self, ident: str, *, by_script: bool) -> None:
        if by_script and self._instance.named_by_flow(ident):
            return
        self._in_use[ident] = None
        self._in_use.move_to_end(ident)
        if len(self._in_use) > _MOST_IN_USE:
            self._in_use.popitem(last=False)

    def forget(self) -> None:
        """Nothing is known for now: every grace begins anew."""
        self._since.clear()

    def due(self, channels: Objects, bridges: Objects, owned: Owned, now: float) -> list[Leftover]:
        """What was left over for the whole grace, channels first."""
        found = set(self._left_over(channels, bridges, owned))
        self._since = {one: self._since.get(one, now) for one in found}
        due = [one for one, since in self._since.items() if now - since >= self._grace]
        # What cannot be removed now has another grace: a snoop on a channel without media goes only with that.
        self._since.update(dict.fromkeys(due, now))
        return sorted(due, key=lambda one: (one.kind != "channels", one.id))

    def is_left_over(self, one: Leftover, channels: Objects, bridges: Objects, owned: Owned) -> bool:
        """Whether it still is."""
        return one in self._left_over(channels, bridges, owned)

    def _left_over(self, channels: Objects, bridges: Objects, owned: Owned) -> Iterator[Leftover]:
        def is_nobodys(ident: str) -> bool:
            return self._instance.named(ident) and ident not in self._in_use and not owned(ident)

        tools = {ident for ident, channel in channels.items() if _is_tool(channel) and is_nobodys(ident)}
        members = {ident: frozenset(bridge.get("channels", ())) for ident, bridge in bridges.items()}
        left = {ident for ident in members if is_nobodys(ident) and members[ident] <= tools}
        needed = frozenset().union(*(members[ident] for ident in members.keys() - left))
        yield from (Leftover("channels", ident) for ident in tools - needed)
        yield from (Leftover("bridges", ident) for ident in left)


def _is_tool(channel: Mapping[str, Any]) -> bool:
    return str(channel.get("name", "")).startswith(_TOOLS)
