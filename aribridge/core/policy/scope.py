"""Whose something is, and whether that is within a principal's reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import NamedTuple

import msgspec

from aribridge.core.principal import Principal


class Owner(NamedTuple):
    """The subject of a token, of one tenant."""

    tenant: str | None
    sub: str


class Scope(msgspec.Struct, frozen=True, gc=False):
    """Whose an object is: the phones of its call, who made it, the tenants that it belongs to."""

    endpoints: frozenset[str] = frozenset()
    owners: frozenset[Owner] = frozenset()
    tenants: frozenset[str] = frozenset()


NOBODYS = Scope()

Subjects = tuple[tuple[str, Scope], ...]
"""What an event or an object is about: kinds of objects, and whose each is."""

NO_OBJECT = "events"
"""The kind of an event that names no object."""


class Level(IntEnum):
    """How far a rule goes; each level has all of the one before."""

    NONE = 0
    OWN = 1
    TENANT = 2
    ANY = 3


@dataclass(frozen=True, slots=True)
class Reach:
    """What is a principal's own, and its tenant's. ``divided``: tenants are told apart for this principal."""

    owner: Owner
    endpoints: frozenset[str]
    tenant: str | None
    divided: bool

    def covers(self, level: Level, scope: Scope) -> bool:
        """Whether something of this scope is within a level."""
        if level is Level.ANY:
            return True
        if level is Level.NONE or not self.is_of_tenant(scope.tenants):
            return False
        return level is Level.TENANT or self.owns(scope)

    def is_of_tenant(self, tenants: Collection[str]) -> bool:
        """Whether it is this tenant's and nobody else's: what two tenants share is neither's."""
        return not self.divided or (len(tenants) == 1 and self.tenant in tenants)

    def owns(self, scope: Scope) -> bool:
        """Whether one of the principal's phones is in it, or the principal made it."""
        return self.owner in scope.owners or not self.endpoints.isdisjoint(scope.endpoints)


def owner_of(principal: Principal) -> Owner:
    """The principal as the owner of what it makes."""
    return Owner(principal.tenant, principal.sub)


Handle = tuple[str, Hashable]
"""Something by which those who may see an event or an object are found: a key, and a value for it."""

_OF_SCOPES: dict[str, Callable[[Scope], Collection[Hashable]]] = {
    "owner": attrgetter("owners"),
    "phone": attrgetter("endpoints"),
    "tenant": attrgetter("tenants"),
}
HANDLES = frozenset({"kind", *_OF_SCOPES})


def handles_of(subjects: Subjects, key: str) -> Collection[Hashable]:
    """What an event or an object that is about these has for a key of a handle."""
    if key == "kind":
        return {kind for kind, _ in subjects} or (NO_OBJECT,)
    get = _OF_SCOPES[key]
    return get(subjects[0][1]) if len(subjects) == 1 else {value for _, scope in subjects for value in get(scope)}


@dataclass(frozen=True, slots=True)
class Sight:
    """What of a target a principal is told: for each kind of object, how far it may read them."""

    reach: Reach
    levels: Mapping[str, Level]

    def level(self, kind: str) -> Level:
        """How far objects of a kind may be read."""
        return self.levels.get(kind, Level.NONE)

    @property
    def handles(self) -> tuple[Handle, ...]:
        """All that is seen has one of these, by `handles_of`; what has none need not be looked at."""
        found = [handle for kind, level in self.levels.items() for handle in self._handles(kind, level)]
        return tuple(dict.fromkeys(found))

    def _handles(self, kind: str, level: Level) -> Iterable[Handle]:
        if level is Level.NONE:
            return ()
        if level is Level.OWN and kind != NO_OBJECT:
            return (("owner", self.reach.owner), *(("phone", endpoint) for endpoint in self.reach.endpoints))
        if level is Level.TENANT and kind != NO_OBJECT and self.reach.divided:
            return (("tenant", self.reach.tenant),)
        return (("kind", kind),)

    def sees(self, subjects: Subjects) -> bool:
        """Whether an event or an object that is about these may be told.

        Nothing of another tenant may be in it, and at least one subject must be within reach: the other side of
        one's own call comes along with it.
        """
        if not subjects:
            return self._sees_unnamed(Level.NONE, NOBODYS)
        found = False
        for kind, scope in subjects:
            level = self.level(kind)
            if kind == NO_OBJECT:
                return self._sees_unnamed(level, scope)
            if level is Level.NONE or (level is not Level.ANY and not self.reach.is_of_tenant(scope.tenants)):
                return False
            found = found or self.reach.covers(level, scope)
        return found

    def _sees_unnamed(self, level: Level, scope: Scope) -> bool:
        """What names no object is nobody's own: it is for all of the tenant."""
        level = level or self.level(NO_OBJECT)
        return level is not Level.NONE and self.reach.covers(max(level, Level.TENANT), scope)
