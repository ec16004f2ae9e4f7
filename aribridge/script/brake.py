"""A bound on what runs take that go over their budget, all together.

The budget bounds a single run. A client that sends what makes a hook loop, again and again, or an ``on_event`` that
loops for every event, would hold up everybody all the same. So a hook whose overruns have taken their share of the time
is not run for a moment, and whoever asked for it is told so.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from aribridge.script.clocks import Clock
from aribridge.script.errors import HookResting, ScriptFailure

FOR_ONE, FOR_ALL = 0.1, 0.25
"""Of the time, what the overruns of one hook may take for one subject, and for everybody together."""

FREE = 5
"""Overruns for one subject at once before that counts: now and then one does no harm."""

_OVERRUNS = frozenset({"time", "memory"})
"""Runs that took their whole budget; others that failed may have taken next to nothing."""

_MOST = 1000
"""Subjects remembered: more than can overrun in the time for which one is."""


class Brake:
    """Counts the overruns of one script's hooks, each as ``budget_seconds``."""

    def __init__(self, budget_seconds: float, clock: Clock = time.monotonic) -> None:
        self._budget = budget_seconds
        self._clock = clock
        self._free_seconds = FREE * budget_seconds / FOR_ONE
        self._paid_until: dict[tuple[str, Hashable], float] = {}
        """When the overruns so far are within the share again, by hook and subject; None is everybody."""

    @contextmanager
    def run(self, hook: str, subject: Hashable = None) -> Iterator[None]:
        """Run a hook inside, on behalf of a subject if there is one. Raises HookResting where it is not to run now."""
        payers = {(hook, subject), (hook, None)}
        seconds = max(map(self._rest, payers))
        if seconds > 0:
            raise HookResting(seconds)
        try:
            yield
        except ScriptFailure as failure:
            if failure.ran_out in _OVERRUNS:
                for payer in payers:
                    self._charge(payer)
            raise

    def _rest(self, payer: tuple[str, Hashable]) -> float:
        paid_until = self._paid_until.get(payer)
        return 0.0 if paid_until is None else paid_until - self._clock() - self._free_seconds

    def _charge(self, payer: tuple[str, Hashable]) -> None:
        now, share = self._clock(), FOR_ALL if payer[1] is None else FOR_ONE
        if len(self._paid_until) >= _MOST:
            self._paid_until = {other: until for other, until in self._paid_until.items() if until > now}
        self._paid_until[payer] = max(self._paid_until.get(payer, now), now) + self._budget / share
