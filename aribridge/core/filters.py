"""Filters of subscriptions: keys are ANDed, the values of a key are ORed, values may be globs."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from fnmatch import translate
from typing import Any
from weakref import WeakValueDictionary

from aribridge.core.events import Labels
from aribridge.core.policy.scope import HANDLES, Handle, Sight, handles_of
from aribridge.protocol.nearest import nearest
from aribridge.protocol.problems import Problem

KEYS = ("type", "channel", "bridge", "endpoint", "device", "playback", "recording")
"""What a filter can select by; ``type`` selects events only."""

MOST_GLOBS = 4096
"""Characters of all values of a filter that have wildcards: to compile and to match them takes time by their length."""

MOST_SLOW = 1024
"""Of these, the characters of values with a star before their end: each is looked for at every place of an id."""

_SLOW_UNIT = 32
"""Characters of such values that take as long as a look at an event takes without any."""

_GLOB = re.compile(r"[*?\[]")
_SLOW = re.compile(r"\*(?!\Z)")


class Filter:
    """A compiled filter. An empty one passes everything; an empty list of values passes nothing.

    ``objects``: it is for objects of the call state alone, which have no type. ``sight``: what the principal may see
    at all; None for everything. Raises Problem ``bad_filter``.
    """

    __slots__ = ("_choice", "sight")

    def __init__(self, spec: Mapping[str, Sequence[str]], *, objects: bool = False, sight: Sight | None = None) -> None:
        self.sight = sight
        self._choice = _choice(spec, KEYS[1:] if objects else KEYS)

    @property
    def handles(self) -> tuple[Handle, ...] | None:
        """Keys with values, one of which everything has that is selected; None where no such list can be made.

        Objects that it names are fewer than those that the principal may see, and types have the most.
        """
        named = self._choice.handles
        if self.sight is None or (named is not None and all(key != "type" for key, _ in named)):
            return named
        return self.sight.handles

    def passes(self, labels: Labels) -> bool:
        """Whether an event with these labels is selected."""
        return (self.sight is None or self.sight.sees(labels.scopes)) and self._choice.passes(labels)

    def selects(self, labels: Labels) -> bool:
        """Whether an object of the call state with these labels is selected."""
        return (self.sight is None or self.sight.sees(labels.scopes)) and self._choice.selects(labels)

    def spread(self, looks: int) -> int:
        """How many looks take about as long as so many do with a filter that has no wildcards."""
        return max(1, looks // self._choice.slowness)

    def takes(self, kind: str) -> bool:
        """Whether events of this type are wanted at all."""
        return self._choice.takes(kind)


class _Choice:
    """What a filter says, for all who say the same: thousands of pages with one filter look at an event once."""

    def __init__(self, spec: Mapping[str, Sequence[str]], known: Sequence[str]) -> None:
        if (size := globs_size(spec)) > MOST_GLOBS:
            detail = f"Its values with wildcards have {size} characters; at most {MOST_GLOBS} are taken."
            raise Problem("bad_filter", detail)
        if (slow := _size(spec, _SLOW)) > MOST_SLOW:
            detail = f"Its values with a star before the end have {slow} characters; at most {MOST_SLOW} are taken."
            raise Problem("bad_filter", detail)
        self.slowness = 1 + slow // _SLOW_UNIT
        self._keys = [(_known(key, known), _Values(values)) for key, values in spec.items()]
        self._object_keys = [(key, values) for key, values in self._keys if key != "type"]
        self.handles = _handles(self._keys)
        self._looked_at: Labels | None = None
        self._passes = False

    def passes(self, labels: Labels) -> bool:
        if labels is not self._looked_at:
            self._looked_at, self._passes = labels, _match(self._keys, labels)
        return self._passes

    def selects(self, labels: Labels) -> bool:
        return _match(self._object_keys, labels)

    def takes(self, kind: str) -> bool:
        return all(values.match((kind,)) for key, values in self._keys if key == "type")


_choices: WeakValueDictionary[tuple[Any, ...], _Choice] = WeakValueDictionary()


def _choice(spec: Mapping[str, Sequence[str]], known: Sequence[str]) -> _Choice:
    name = (known, *((key, tuple(values)) for key, values in spec.items()))
    if (found := _choices.get(name)) is None:
        found = _choices[name] = _Choice(spec, known)
    return found


class _Values:
    """The values of one key: plain ones looked up, globs as one expression."""

    def __init__(self, values: Sequence[str]) -> None:
        globs = [value for value in values if _GLOB.search(value)]
        self.plain = frozenset(values).difference(globs)
        self._globs = re.compile("|".join(translate(glob) for glob in globs)) if globs else None

    @property
    def are_plain(self) -> bool:
        """Whether there is no glob among them."""
        return self._globs is None

    def match(self, candidates: Collection[str]) -> bool:
        if not self.plain.isdisjoint(candidates):
            return True
        return self._globs is not None and any(map(self._globs.match, candidates))


def globs_size(spec: Mapping[str, Sequence[str]]) -> int:
    """The characters of all values of a filter that have wildcards."""
    return _size(spec, _GLOB)


def _size(spec: Mapping[str, Sequence[str]], kind: re.Pattern[str]) -> int:
    return sum(len(value) for values in spec.values() for value in values if kind.search(value))


def values_of(labels: Labels, key: str) -> Collection[str]:
    """What an event or object has for a key of a filter."""
    value: Collection[str] = getattr(labels, key)
    return (value,) if isinstance(value, str) else value


def handle_values(labels: Labels, key: str) -> Collection[Hashable]:
    """What an event or object has for a key of a handle."""
    return handles_of(labels.scopes, key) if key in HANDLES else values_of(labels, key)


def _match(keys: Iterable[tuple[str, _Values]], labels: Labels) -> bool:
    # A generator for all() would take twice the time, and this runs for each subscriber of each event.
    for key, values in keys:  # noqa: SIM110
        if not values.match(values_of(labels, key)):
            return False
    return True


def _handles(keys: Sequence[tuple[str, _Values]]) -> tuple[Handle, ...] | None:
    """The plain values of one key, of objects rather than of types, which many events share."""
    plain = [(key, values.plain) for key, values in keys if values.are_plain]
    if not plain:
        return None
    key, found = min(plain, key=lambda one: one[0] == "type")
    return tuple((key, value) for value in found)


def _known(key: str, known: Sequence[str]) -> str:
    if key in known:
        return key
    near = nearest(key, known)
    hint = f'Did you mean "{near}"?' if near else f"Known are {', '.join(known)}."
    raise Problem("bad_filter", f"The filter key {key[:64]!r} is unknown. {hint}")
