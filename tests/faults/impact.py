"""What one fault did to the clients. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from faults.journal import Away, Emitted, Gap, Got, Journal, identity

LATE = 0.15
"""Seconds between Asterisk's telling and the client's hearing that a client feels."""
SILENT = 2.0
"""Seconds without anything that a client feels which gets everything."""


@dataclass(frozen=True)
class Window:
    """A fault: when it began, was over, and when every client was seen to have what came afterwards.

    `doors`: whose clients it was done to.
    """

    name: str
    began: float
    ended: float
    watched: float
    doors: tuple[str, ...] = ("ws", "rtc")
    packets_lost: int = 0


@dataclass(frozen=True)
class Impact:
    """`in_flight`: events that Asterisk emitted meanwhile; `felt`: clients that had a gap, an end, late events or none.

    `recovery` in seconds: from the end of the fault until the last client felt the last of it.
    """

    name: str
    in_flight: int
    felt: int
    packets_lost: int
    recovery: float

    @property
    def counts(self) -> bool:
        """Lost packets did harm, though a client whose data channel makes up for them at once feels nothing late."""
        return self.in_flight > 0 and (self.felt > 0 or self.packets_lost > 0)

    def row(self) -> dict[str, Any]:
        return asdict(self) | {"counts": self.counts, "recovery": round(self.recovery, 2)}


def impacts(windows: Iterable[Window], emitted: Sequence[Emitted], journals: Iterable[Journal]) -> list[Impact]:
    """One for each window."""
    told_at = {identity(one.event): one.at for one in emitted}
    felt = [(journal, list(_felt(journal, told_at))) for journal in journals if journal.steady]
    return [_impact(window, emitted, felt) for window in windows]


def _impact(window, emitted, felt):
    # Asterisk stopped emits nothing meanwhile: what was under way counts, too.
    in_flight = sum(window.began - 1 <= one.at <= window.ended for one in emitted)
    there = [(one.name, moments) for one, moments in felt if one.door in window.doors]
    hurt = [(name, at) for name, moments in there for at in moments if window.began <= at <= window.watched]
    recovery = max((at - window.ended for _, at in hurt), default=0.0)
    return Impact(window.name, in_flight, len({name for name, _ in hurt}), window.packets_lost, max(0.0, recovery))


def _felt(journal, told_at):
    """When this client felt something."""
    heard = inf
    for entry in journal.entries:
        if entry.at - heard > SILENT and not journal.filter:
            yield entry.at
        heard = entry.at
        late = isinstance(entry, Got) and entry.at - told_at.get(identity(entry.event), entry.at) > LATE
        if late or isinstance(entry, Gap | Away):
            yield entry.at
