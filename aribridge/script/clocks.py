"""What scripts know of time; the event loop's own tells them when a wait is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Clocks:
    """``work`` tells in seconds how long scripts work in the background, so that they pause as long.

    ``errors`` tells in seconds when a script's error that comes again and again is to be logged again.
    ``wall`` tells scripts the time of day, in Unix seconds; None is the machine's.
    """

    work: Clock = time.perf_counter
    wall: Clock | None = None
    errors: Clock = time.monotonic


REAL = Clocks()
