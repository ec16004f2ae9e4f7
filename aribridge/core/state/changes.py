"""What an event did to one object of the call state, ready to be told to whoever selects that object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from aribridge.core.events import Labels
from aribridge.core.patches import Inexpressible, diff
from aribridge.core.state.kinds import KINDS

Selects = Callable[[Labels], bool]
"""A subscription's filter, as it looks at one object."""

ENTERED, LEFT = "ScopeEntered", "ScopeLeft"
"""Events of the gateway's own: an object that exists came into a principal's scope, or left it."""

_OVERHEAD = 700
"""About what a change and its item take beside their texts, in bytes; measured."""

_json = msgspec.json.Encoder()


class Item(msgspec.Struct, frozen=True, gc=False):
    """One object as it is: its kind and id, what filters look at, its JSON text."""

    kind: str
    id: str
    labels: Labels
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """Kind and id."""
        return self.kind, self.id


class Change(msgspec.Struct, frozen=True, gc=False):
    """One object before and after; None where it is not there. ``merge`` leads from one to the other (RFC 7396)."""

    kind: str
    id: str
    before: Item | None
    after: Item | None
    merge: str | None = None

    @property
    def size(self) -> int:
        """About what it takes in memory, in bytes; the text before is the text after of an earlier change."""
        return len(self.after.text if self.after else "") + len(self.merge or "") + _OVERHEAD

    @property
    def is_move(self) -> bool:
        """Whether the object is as it was, and only became somebody else's."""
        return self.before is not None and self.after is not None and self.before.text == self.after.text

    def move_for(self, selects: Selects) -> tuple[str, str] | None:
        """Type and JSON text of the event by which a filter is told that an object came into its scope, or left it."""
        if self.before is None or self.after is None:
            return None
        had, has = selects(self.before.labels), selects(self.after.labels)
        if had == has:
            return None
        # Of what is out of scope, no more is told than which it was.
        value = self.after.text if has else encoded(KINDS[self.kind].reference(self.id))
        kind = ENTERED if has else LEFT
        return kind, f'{{"type":"{kind}","{KINDS[self.kind].field}":{value}}}'

    def text_for(self, selects: Selects) -> str:
        """The member of a patch's ``changes`` for a filter; empty where it neither had nor gets the object."""
        had = self.before is not None and selects(self.before.labels)
        if self.after is None or not selects(self.after.labels):
            return self._member("remove", "true") if had else ""
        if had and self.is_move:
            return ""
        if had and self.merge is not None:
            return self._member("merge", self.merge)
        return self._member("put", self.after.text)

    def _member(self, how: str, value: str) -> str:
        return f'{{"kind":"{self.kind}","id":{encoded(self.id)},"{how}":{value}}}'


def change(before: Item | None, after: Item | None, was: Mapping[str, Any], now: Mapping[str, Any]) -> Change:
    """The change between two states of an object, at least one of which is there."""
    item = after or before
    assert item is not None
    return Change(item.kind, item.id, before, after, _merge(was, now) if before and after else None)


def join(changes: Iterable[Change]) -> list[Change]:
    """What came of several changes, one for each object, in the order in which the objects were touched first."""
    joined: dict[tuple[str, str], Change] = {}
    for one in changes:
        key = (one.kind, one.id)
        earlier = joined.get(key)
        joined[key] = one if earlier is None else Change(one.kind, one.id, earlier.before, one.after)
    return list(joined.values())


def encoded(value: Any) -> str:
    """A value as JSON text."""
    return _json.encode(value).decode()


def _merge(was: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    try:
        return encoded(diff(was, now))
    except Inexpressible:
        return None
