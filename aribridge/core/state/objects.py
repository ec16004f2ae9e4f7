"""The call state: all objects of one target, as its events tell them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from msgspec.structs import replace

from aribridge.core.events import Labels, labels_of
from aribridge.core.policy.scope import NOBODYS, Scope
from aribridge.core.state.changes import Change, Item, change, encoded
from aribridge.core.state.kinds import KINDS
from aribridge.core.state.rules import Act, Touch, touches

_TOMB_SECONDS = 60.0
_MOST_TOMBS = 50_000
_MOST_DEVICES = 10_000
"""Device names come from dialled numbers, too (Local/…), and no event says that one is no more."""

_OURS = "aribridge"
"""The member of a channel that is the gateway's own; ARI has none of this name."""

Whose = Callable[[str, str], Scope]
"""Whose an object is, by kind and id."""

_Held = tuple[Mapping[str, Any], Item]


class CallState:
    """Objects by kind and id, and for a while those that are gone, since events about them may still be on their way.

    ``everything``: the events of all objects come, not only those of the gateway's application. Times are seconds on
    any steady clock. Values are taken as they are and must not be changed afterwards.
    """

    def __init__(self, *, everything: bool = True) -> None:
        self.everything = everything
        self._whose: Whose = lambda *_: NOBODYS
        self._objects: dict[str, dict[str, _Held]] = {kind: {} for kind in KINDS}
        # A dict takes the longer to find its first entry the more were removed before it.
        self._gone: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._owners: dict[str, str] = {}

    def counts(self) -> dict[str, int]:
        """How many objects there are, by kind."""
        return {kind: len(objects) for kind, objects in self._objects.items()}

    def apply(self, event: Mapping[str, Any], now: float) -> tuple[Change, ...]:
        """Take in an event; return what it changed."""
        changes: tuple[Change, ...] = ()
        for touch in touches(event, everything=self.everything):
            changes += self.touch(touch, now)
        return changes

    def touch(self, touch: Touch, now: float) -> tuple[Change, ...]:
        """Take in what an event says of one object."""
        key = (touch.kind, touch.id)
        if touch.act is Act.REMOVE:
            return self.remove(*key, now)
        if touch.act is Act.CREATE:
            self._gone.pop(key, None)
        if key in self._gone or (touch.act is Act.LEARN and touch.id in self._objects[touch.kind]):
            return ()
        return self.put(*key, touch.value)

    def put(self, kind: str, ident: str, value: Mapping[str, Any]) -> tuple[Change, ...]:
        """Have an object be like this, as ARI has it."""
        if kind == "channels" and (owner := self._owners.get(ident)):
            value = {**value, _OURS: {"owner": owner}}
        objects = self._objects[kind]
        was, before = objects.get(ident, ({}, None))
        if before is not None and was == value:
            return ()
        after = Item(kind, ident, self._labels(kind, ident, value, before), encoded(value))
        objects[ident] = (value, after)
        changed = change(before, after, was, value)
        if kind == "deviceStates" and len(objects) > _MOST_DEVICES:
            _, oldest = objects.pop(next(iter(objects)))
            return changed, change(oldest, None, {}, {})
        return (changed,)

    def own(self, channel: str, script: str | None) -> tuple[Change, ...]:
        """Show the script that owns a call on its channel, known or not yet; None: it owns it no more."""
        if script is None:
            self._owners.pop(channel, None)
        else:
            self._owners[channel] = script
        held = self._objects["channels"].get(channel)
        if held is None:
            return ()
        return self.put("channels", channel, {name: value for name, value in held[0].items() if name != _OURS})

    def inherit_owners(self, other: CallState) -> None:
        """Take over who owns which call: ARI does not know."""
        for channel, script in other._owners.items():
            self.own(channel, script)

    def remove(self, kind: str, ident: str, now: float) -> tuple[Change, ...]:
        """Have an object be gone; what comes late about it is ignored for a while."""
        self._bury((kind, ident), now)
        held = self._objects[kind].pop(ident, None)
        return () if held is None else (change(held[1], None, {}, {}),)

    def all_values(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        """Every object by kind and id."""
        return {kind: self.values(kind) for kind in KINDS}

    def stamp(self, whose: Whose) -> None:
        """From here on, know whose the objects are; also of those that are there."""
        self._whose = whose
        for kind, objects in self._objects.items():
            for ident in objects:
                self.restamp(kind, ident)

    def restamp(self, kind: str, ident: str) -> tuple[Change, ...]:
        """Take note of whose an object is now; return the change, if that is another than before."""
        held = self._objects.get(kind, {}).get(ident)
        if held is None:
            return ()
        value, before = held
        after = replace(before, labels=self._labels(kind, ident, value, before))
        if after.labels.scopes == before.labels.scopes:
            return ()
        self._objects[kind][ident] = (value, after)
        return (Change(kind, ident, before, after),)

    def is_gone(self, kind: str, ident: str) -> bool:
        """Whether an object was there and is no more, as far as that is still known."""
        return (kind, ident) in self._gone

    def has(self, kind: str, ident: str) -> bool:
        """Whether there is such an object."""
        return ident in self._objects[kind]

    def items(self) -> Iterator[Item]:
        """Every object."""
        return (item for objects in self._objects.values() for _, item in objects.values())

    def ids(self, kind: str) -> tuple[str, ...]:
        """The ids of the objects of a kind."""
        return tuple(self._objects[kind])

    def values(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The objects of a kind by id, as ARI has them, and whose a call is."""
        return {ident: value for ident, (value, _) in self._objects[kind].items()}

    @property
    def gone(self) -> tuple[tuple[str, str], ...]:
        """Kind and id of what is known to be no more."""
        return tuple(self._gone)

    def restore(
        self, values: Mapping[str, Mapping[str, Mapping[str, Any]]], gone: Iterable[tuple[str, str]], now: float
    ) -> None:
        """Be, with no object yet, as another one was: its objects by kind and id, and what was gone."""
        for kind, objects in values.items():
            for ident, value in objects.items():
                self.put(kind, ident, value)
        for key in gone:
            self._bury(key, now)

    def _bury(self, key: tuple[str, str], now: float) -> None:
        self._gone.pop(key, None)
        self._gone[key] = now
        spare = max(0, len(self._gone) - _MOST_TOMBS)
        # In the order of their times: only the first can be old.
        for old, since in tuple(islice(self._gone.items(), spare + 2)):
            if spare > 0 or since < now - _TOMB_SECONDS:
                del self._gone[old]
                spare -= 1

    def _labels(self, kind: str, ident: str, value: Mapping[str, Any], before: Item | None) -> Labels:
        scopes = ((kind, self._whose(kind, ident)),)
        if before is None or kind == "bridges":
            return labels_of({KINDS[kind].field: value}, scopes)
        # What an object names is told by its id for ever, but for the members of a bridge.
        return before.labels if before.labels.scopes == scopes else replace(before.labels, scopes=scopes)
