"""A bound on what runs take that go over their budget, all together.

The budget bounds a single run. A client that sends what makes a hook loop, again and again, or an ``on_event`` that
loops for every event, would hold up everybody all the same. So a hook whose overruns have taken their share of the time
is not run for a moment, and whoever asked for it is told so.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aribridge.script.clocks import Clock
from aribridge.script.errors import HookResting, ScriptFailure

FOR_ONE, FOR_ALL = 0.1, 0.25
"""Of the time, what the overruns of one hook may take for one subject, and for everybody together."""

FREE = 5
"""Overruns for one subject at once before that counts: now and then one does no harm."""

_OVERRUNS = frozenset({"time", "memory"})
"""Runs that took their whole budget; others that failed may have taken next to nothing."""

_MOST = 1000
"""Debts remembered: more than there can be in the time for which one is."""

_Payer = tuple[str, Hashable]
"""A hook and a subject; None is everybody."""


@dataclass(slots=True)
class _Debt:
    """What overruns took in a row: how many, how many seconds, and until when that is more than the share."""

    until: float
    seconds: float = 0.0
    overruns: int = 0

    def add(self, seconds: float, share: float) -> None:
        self.until += seconds / share
        self.seconds += seconds
        self.overruns += 1

    def rest(self, now: float) -> float:
        """Seconds for which nothing more is to be run; not above 0 where something may be."""
        return self.until - now - FREE * self.seconds / self.overruns / FOR_ONE


class Brake:
    """Counts how long the overruns of one script's hooks hold up everybody."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._debts: dict[_Payer, _Debt] = {}

    def rest(self, hook: str, subject: Hashable = None) -> float:
        """Seconds for which a hook is not to run, on behalf of a subject if there is one; not above 0 where it may."""
        if not self._debts:
            return 0.0
        now = self._clock()
        debts = (self._debts.get(payer) for payer in _payers(hook, subject))
        return max((debt.rest(now) for debt in debts if debt), default=0.0)

    def check(self, hook: str, subject: Hashable = None) -> None:
        """Raise HookResting where a hook is not to run now, on behalf of a subject if there is one."""
        if (seconds := self.rest(hook, subject)) > 0:
            raise HookResting(seconds)

    @contextmanager
    def charging(self, hook: str, subject: Hashable = None) -> Iterator[None]:
        """Run a hook inside: an overrun counts."""
        try:
            yield
        except ScriptFailure as failure:
            if failure.ran_out in _OVERRUNS:
                for payer in _payers(hook, subject):
                    self._charge(payer, failure.seconds)
            raise

    def _charge(self, payer: _Payer, seconds: float) -> None:
        now = self._clock()
        if len(self._debts) >= _MOST:
            self._debts = {other: debt for other, debt in self._debts.items() if debt.until > now}
        debt = self._debts.get(payer)
        if debt is None or debt.until < now:
            debt = self._debts[payer] = _Debt(now)
        debt.add(seconds, FOR_ALL if payer[1] is None else FOR_ONE)


def _payers(hook: str, subject: Hashable) -> set[_Payer]:
    return {(hook, subject), (hook, None)}
