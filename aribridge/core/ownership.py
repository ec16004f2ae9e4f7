"""What clients own of what they made: it ends some time after they are lost, unless they come back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from aribridge.core.making import Thing
from aribridge.protocol.problems import Problem

SECONDS = 300.0
"""How long a lost client is remembered if it owns nothing."""
MOST_OF_ONE = 1000
MOST = 50_000
MOST_LOST = 10_000
_MOST_IDS = 8
"""Connections of a row by which one owner is found; those that it still has are, however many they are."""

Who = tuple[str, str | None]
"""Subject and tenant."""


@dataclass(eq=False, slots=True)
class Owner:
    """A client over all its connections: ``alive`` are those that it has, ``ids`` those that it had, too.

    ``things`` are what it owns, with the seconds of grace for each; ``lost``: it had a connection, and has none.
    """

    who: Who
    ids: list[str] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)
    things: dict[Thing, float] = field(default_factory=dict)
    lost: bool = False


class Ownership:
    """Who owns what, and when it is due to end. Times are seconds on any steady clock."""

    def __init__(self, *, most_of_one: int = MOST_OF_ONE, most: int = MOST, most_lost: int = MOST_LOST) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._most_lost = most_lost
        self._owners: dict[str, Owner] = {}
        self._of: dict[Thing, Owner] = {}
        self._due: dict[Thing, float] = {}
        self._idle: dict[Owner, float] = {}

    def __len__(self) -> int:
        return len(self._of)

    def came(self, connection: str, who: Who) -> None:
        """A client connected."""
        self._join(Owner(who), connection)

    def resume(self, connection: str, before: str) -> bool:
        """A connection says that it goes on where another one was: what that one's client owns is this one's, too.

        False where the earlier one is not known, any more, or was another subject's.
        """
        owner, earlier = self._owners[connection], self._owners.get(before)
        if earlier is None or earlier.who != owner.who:
            return False
        if earlier is not owner:
            for thing, grace in tuple(owner.things.items()):
                self._give(thing, earlier, grace)
            self._join(earlier, connection)
        return True

    def left(self, connection: str, now: float) -> None:
        """A connection ended."""
        owner = self._owners.get(connection)
        if owner is None:
            return
        owner.alive.discard(connection)
        if owner.alive:
            return
        owner.lost = True
        self._idle[owner] = now + SECONDS
        for thing, grace in owner.things.items():
            self._due[thing] = now + grace
        self._forget_idle(now)

    def check_room(self, connection: str) -> None:
        """Raise Problem ``too_many_requests`` when a client owns as much as it may, or all of them do."""
        owner = self._owners.get(connection)
        if (owner is not None and len(owner.things) >= self._most_of_one) or len(self._of) >= self._most:
            detail = f"A client may own {self._most_of_one} channels and bridges, all clients {self._most}."
            raise Problem("too_many_requests", detail, retry="after", after_ms=1000)

    def own(self, thing: Thing, connection: str, who: Who, grace: float, now: float) -> None:
        """A client made a thing, which is to end ``grace`` seconds after it is lost. Another client's stays that."""
        holder = self._of.get(thing)
        if holder is not None and holder.who != who:
            return
        owner = self._owners.get(connection) or Owner(who, lost=True)
        self._give(thing, owner, grace)
        if owner.lost:
            self._due[thing] = now + grace

    def ended(self, thing: Thing) -> None:
        """A thing is no more."""
        owner = self._of.pop(thing, None)
        if owner is not None:
            del owner.things[thing]
            self._due.pop(thing, None)

    def due(self, now: float) -> list[Thing]:
        """What is to end by now."""
        return [thing for thing, when in self._due.items() if when <= now]

    def is_due(self, thing: Thing, now: float) -> bool:
        """Whether it is to end by now; its maker may have come back."""
        return self._due.get(thing, now + 1) <= now

    def postpone(self, thing: Thing, until: float) -> None:
        """A thing that could not be ended now is due later, unless it is no more, or its maker came back."""
        if thing in self._due:
            self._due[thing] = until

    @property
    def next_due(self) -> float | None:
        """When the next thing is to end."""
        return min(self._due.values(), default=None)

    def of(self, target: str) -> list[Thing]:
        """What is owned on a target."""
        return [thing for thing in self._of if thing.target == target]

    def _join(self, owner: Owner, connection: str) -> None:
        owner.lost = False
        owner.alive.add(connection)
        owner.ids.append(connection)
        self._owners[connection] = owner
        self._idle.pop(owner, None)
        for thing in owner.things:
            self._due.pop(thing, None)
        gone = next((ident for ident in owner.ids if ident not in owner.alive), None)
        if len(owner.ids) > _MOST_IDS and gone is not None:
            owner.ids.remove(gone)
            del self._owners[gone]

    def _give(self, thing: Thing, owner: Owner, grace: float) -> None:
        self.ended(thing)
        self._of[thing] = owner
        owner.things[thing] = grace

    def _forget_idle(self, now: float) -> None:
        """Forget the clients that were lost long ago and own nothing, and of too many lost ones the first."""
        spare = len(self._idle) - self._most_lost
        for owner, when in tuple(itertools.islice(self._idle.items(), max(2, spare + 2))):
            if when > now and spare <= 0:
                return
            spare -= 1
            del self._idle[owner]
            if owner.things:
                self._idle[owner] = now + SECONDS
            else:
                for ident in owner.ids:
                    del self._owners[ident]
