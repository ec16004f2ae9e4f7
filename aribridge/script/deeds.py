"""Whether scripts, asked about one command, began anything that may be carried out although the command itself is not.

A script may carry a command out by its own calls instead of letting it pass. If one fails then, that nothing was done
can be said only where nothing was begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from aribridge.protocol.problems import Outcome, Problem
from aribridge.script.errors import CallFailure


@dataclass(slots=True)
class Deeds:
    """What is known of one command's scripts; ``begun`` also while what they began still goes on."""

    begun: bool = False

    @property
    def outcome(self) -> Outcome:
        """What can be said of a command that its scripts did not let pass."""
        return "unknown" if self.begun else "not_applied"


_DEEDS: ContextVar[Deeds | None] = ContextVar("aribridge_deeds", default=None)


@contextmanager
def watched() -> Iterator[Deeds]:
    """What scripts do while this lasts, and in tasks and timers that are started meanwhile."""
    deeds = Deeds()
    token = _DEEDS.set(deeds)
    try:
        yield deeds
    finally:
        _DEEDS.reset(token)


def begin() -> None:
    """The script has something done, or will."""
    if deeds := _DEEDS.get():
        deeds.begun = True


@contextmanager
def deed() -> Iterator[None]:
    """The script has something done here; it counts unless it fails and says that it was not applied."""
    try:
        yield
    except (Problem, CallFailure) as failure:
        if failure.outcome != "not_applied":
            begin()
        raise
    except BaseException:
        begin()
        raise
    begin()
