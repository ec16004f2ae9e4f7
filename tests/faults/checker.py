"""Holds what clients were told against what Asterisk emitted. Pure: journals in, findings out.

An event that any client got has a place in the stream, so whether another client's gaps cover it is exact. One that
nobody got has none: it is covered where a client was told of a gap and, of the same object, nothing older comes after
the gap and nothing newer before it; and where the clock of Asterisk agrees.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from typing import Any

from faults.journal import OF_THE_APPLICATION, Emitted, Gap, Got, Journal, Position, Start, identity, moment, topic

SLACK = 1.0
"""Seconds by which events of different objects may overtake one another within Asterisk."""


@dataclass
class Findings:
    """Counts, and what must be empty, each item with who and what."""

    published: int = 0
    delivered: int = 0
    gaps: Counter[str] = field(default_factory=Counter)
    duplicates: list[str] = field(default_factory=list)
    silent_losses: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Chains of `prev` that did not hold, order within one object, one place with two events, events of nobody."""

    @property
    def is_clean(self) -> bool:
        return not (self.duplicates or self.silent_losses or self.broken)

    def summary(self) -> dict[str, Any]:
        lists = {name: len(getattr(self, name)) for name in ("duplicates", "silent_losses", "broken")}
        return {"published": self.published, "delivered": self.delivered, "gaps": dict(self.gaps), **lists}


def check(
    emitted: Sequence[Emitted], journals: Iterable[Journal], unseen: Sequence[tuple[float, float]] = ()
) -> Findings:
    """`unseen`: when nobody saw what Asterisk emitted, by its clock: what clients got then is of nobody's knowledge."""
    return _Check(emitted, list(journals), unseen).run()


class _Check:
    def __init__(self, emitted, journals, unseen):
        self.emitted, self.journals, self.unseen = emitted, journals, unseen
        self.found = Findings(published=len(emitted))
        self.places = defaultdict(list)
        for index, one in enumerate(emitted):
            self.places[identity(one.event)].append(index)
        self.log: dict[Position, dict] = {}
        self.selections = {}
        self.epochs = _epochs(journals)

    def run(self):
        for journal in self.journals:
            self.read_log(journal)
        numbered = Counter(identity(event) for event in self.log.values())
        unnumbered = {
            index: self.emitted[index].event for key, places in self.places.items() for index in places[numbered[key] :]
        }
        for journal in self.journals:
            self.found.broken += [f"{journal.name}: {fault}" for fault in journal.broken]
            self.found.gaps.update(entry.reason for entry in journal.entries if isinstance(entry, Gap))
            self.check_numbered(journal)
            self.check_unnumbered(journal, unnumbered)
        return self.found

    def read_log(self, journal):
        for entry in journal.entries:
            if isinstance(entry, Got):
                known = self.log.setdefault(entry.position, entry.event)
                if known != entry.event:
                    self.found.broken.append(f"{journal.name}: another event at {entry.position}")

    # --- events with a place in the stream

    def check_numbered(self, journal):
        got = {entry.position for entry in journal.entries if isinstance(entry, Got)}
        holes = [(self.rank(was), self.rank(now)) for was, now in _holes(journal)]
        for place in self.selected(journal, self.log):
            if place in got:
                continue
            rank = self.rank(place)
            if not any(was < rank <= now for was, now in holes):
                self.found.silent_losses.append(f"{journal.name}: {self.log[place]['type']} at {place}")

    def selected(self, journal, events):
        """The keys of the events that the journal's filter selects: many clients share one, and events are many."""
        key = (id(events), json.dumps(journal.filter))
        if key not in self.selections:
            self.selections[key] = [place for place, event in events.items() if journal.selects(event)]
        return self.selections[key]

    def rank(self, place):
        return self.epochs.get(place[0], -1), place[1]

    # --- events that nobody got, and order

    def check_unnumbered(self, journal, unnumbered):
        parts = _Parts(self.placed(journal), journal)
        for index in self.selected(journal, unnumbered):
            one = self.emitted[index]
            if not parts.gap_for(index, one):
                about = topic(one.event)
                self.found.silent_losses.append(f"{journal.name}: {one.event['type']} {about}, given to nobody")

    def placed(self, journal):
        """The journal's entries, those of events that the observer saw with their index; and whether order is kept."""
        used, newest = Counter(), {}
        for entry in journal.entries:
            if isinstance(entry, Got):
                self.found.delivered += 1
                index = self.place(journal, entry.event, used)
                if index is None:
                    continue
                about = topic(entry.event)
                if newest.get(about, -1) > index:
                    self.found.broken.append(f"{journal.name}: {entry.event['type']} {about} out of order")
                newest[about] = index
                yield entry, index
            else:
                yield entry, None

    def place(self, journal, event, used):
        """Which of the emitted events this is; None for what the observer could not see."""
        key = identity(event)
        places, number = self.places.get(key, ()), used[key]
        used[key] += 1
        if number < len(places):
            return places[number]
        if places or number:
            self.found.duplicates.append(f"{journal.name}: {event['type']} {topic(event)}")
        elif event["type"] not in OF_THE_APPLICATION and not self.is_unseen(moment(event)):
            self.found.broken.append(f"{journal.name}: {event['type']} {topic(event)} was never emitted")
        return None

    def is_unseen(self, when):
        return any(start <= when <= end for start, end in self.unseen)


class _Parts:
    """What one client got between its gaps; gaps with nothing between them are one. Gap n stands before part n."""

    def __init__(self, placed, journal):
        self.by_topic = defaultdict(list)
        self.moments: list[list[float]] = [[]]
        for entry, index in placed:
            if isinstance(entry, Gap | Start) and self.moments[-1]:
                self.moments.append([])
            elif isinstance(entry, Got):
                self.by_topic[topic(entry.event)].append((index, len(self.moments) - 1))
                self.moments[-1].append(moment(entry.event))
        self.since = list(accumulate((max(part, default=-inf) for part in self.moments), max, initial=-inf))
        oldest = (min(part, default=inf) for part in reversed(self.moments))
        self.until = list(accumulate(oldest, min))[::-1]
        self.started = min((entry.at for entry in journal.entries if isinstance(entry, Start)), default=-inf)

    def gap_for(self, index, one):
        """Whether an event that did not come may have been lost in a gap."""
        same = self.by_topic[topic(one.event)]
        first = max((part + 1 for known, part in same if known < index), default=0)
        last = min((part for known, part in same if known > index), default=len(self.moments) - 1)
        return any(self.is_in(gap, one) for gap in range(first, last + 1))

    def is_in(self, gap, one):
        if gap == 0 and one.at > self.started + SLACK:
            return False
        return self.since[gap] - SLACK <= moment(one.event) <= self.until[gap] + SLACK


def _holes(journal):
    """What is not owed: before each start, and within each gap."""
    for entry in journal.entries:
        if isinstance(entry, Start):
            yield ("", 0), entry.position
        elif isinstance(entry, Gap):
            yield entry.was, entry.now


def _epochs(journals):
    """The epochs in the order in which they began."""
    seen = {}
    for journal in journals:
        for entry in journal.entries:
            for place in _places(entry):
                seen[place[0]] = min(entry.at, seen.get(place[0], entry.at))
    order = sorted(seen, key=seen.__getitem__)
    return {epoch: number for number, epoch in enumerate(order)}


def _places(entry):
    if isinstance(entry, Gap):
        return entry.was, entry.now
    return (entry.position,) if isinstance(entry, Start | Got) else ()
