"""How much may be asked for in a time: token buckets, one for each that is to be bounded."""

from __future__ import annotations

from collections.abc import Hashable

from aribridge.core.neighbours import neighbourhood
from aribridge.core.principal import Principal

READ, WRITE, OFFER, ORIGINATE = 1, 5, 25, 100
"""What requests cost; an offer makes a peer connection, or may."""

Payers = tuple[tuple[str, Hashable], ...]
"""Whose buckets a request is taken from: for each what it is, and which."""


class Rates:
    """Buckets that hold up to ``burst`` and fill at ``rate`` a second; one that is full again is forgotten.

    At most ``most`` are kept; where more are in use at once, the oldest is forgotten, which gives its owner a full one.
    """

    def __init__(self, rate: float, burst: float, *, most: int = 65_536) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._levels: dict[Hashable, tuple[float, float]] = {}
        self._swept = 0.0

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, keys: Payers, cost: float, now: float) -> tuple[str, float] | None:
        """Take ``cost`` out of the buckets of all keys, or out of none.

        Then the result is what has to wait the longest ("subject"), and for how many seconds. ``now`` is in seconds,
        of a clock that never goes back. What costs more than a bucket holds is let through when it is full.
        """
        cost = min(cost, self._burst)
        levels = []
        shortest: tuple[str, float] | None = None
        for key in keys:
            level = self._level(key, now)
            levels.append((key, level))
            if level < cost and (shortest is None or level < shortest[1]):
                shortest = (key[0], level)
        if shortest is not None:
            return shortest[0], (cost - shortest[1]) / self._rate
        for key, level in levels:
            self._put(key, level - cost, now)
        return None

    def _level(self, key: Hashable, now: float) -> float:
        found = self._levels.get(key)
        if found is None:
            return self._burst
        return min(self._burst, found[0] + (now - found[1]) * self._rate)

    def _put(self, key: Hashable, level: float, now: float) -> None:
        if key not in self._levels and (len(self._levels) >= self._most or now - self._swept > self._filling):
            self._sweep(now)
        self._levels[key] = (level, now)

    def _sweep(self, now: float) -> None:
        self._swept = now
        self._levels = {key: held for key, held in self._levels.items() if now - held[1] < self._filling}
        while len(self._levels) >= self._most:
            del self._levels[next(iter(self._levels))]

    @property
    def _filling(self) -> float:
        """Seconds until an empty bucket is full."""
        return self._burst / self._rate


def alone(connection: str) -> Payers:
    """The connection by itself, for signs of life: they must not fail for what its neighbours ask for."""
    return (("connection", connection),) if connection else ()


def payers(principal: Principal | None, address: str, connection: str = "") -> Payers:
    """Whose buckets a request is taken from."""
    found: list[tuple[str, Hashable]] = [("address", neighbourhood(address))]
    if connection:
        found.append(("connection", connection))
    if principal is not None:
        found += whose(principal)
    return tuple(found)


def whose(principal: Principal) -> Payers:
    """Who pays wherever a request comes from."""
    subject = ("subject", (principal.tenant, principal.sub))
    return (subject,) if principal.tenant is None else (subject, ("tenant", principal.tenant))
