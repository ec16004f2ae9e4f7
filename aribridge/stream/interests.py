"""Which views an entry concerns, found by what they ask for: the others cost nothing."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from itertools import chain
from typing import Generic, TypeVar

from aribridge.core.events import Labels
from aribridge.core.filters import Filter, handle_values

T = TypeVar("T")


class Interests(Generic[T]):
    """Who has which filter.

    Those whose filters name values, or who may see only what is theirs, are found by that, the others looked at always.
    """

    def __init__(self) -> None:
        self._named: dict[str, dict[Hashable, dict[T, None]]] = {}
        self._others: dict[T, None] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in here."""
        return not self._others and not self._named

    def add(self, who: T, filter_: Filter) -> None:
        """Take somebody in."""
        if filter_.handles is None:
            self._others[who] = None
        for key, value in filter_.handles or ():
            self._named.setdefault(key, {}).setdefault(value, {})[who] = None

    def remove(self, who: T, filter_: Filter) -> None:
        """Forget somebody; nothing of them is left."""
        self._others.pop(who, None)
        for key, value in filter_.handles or ():
            values = self._named.get(key, {})
            those = values.get(value, {})
            those.pop(who, None)
            if not those:
                values.pop(value, None)
            if not values:
                self._named.pop(key, None)

    def concerned(self, labels: Collection[Labels]) -> tuple[T, ...]:
        """Those whose filters may pass something with one of these labels, each once."""
        found = [
            those
            for key, values in self._named.items()
            for one in labels
            for value in handle_values(one, key)
            if (those := values.get(value)) is not None
        ]
        if not found:
            return tuple(self._others)
        # Only who is named by several values can be found twice.
        named = found[0] if len(found) == 1 else dict.fromkeys(chain.from_iterable(found))
        return (*self._others, *named)
