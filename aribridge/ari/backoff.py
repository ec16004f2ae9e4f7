"""How long to wait before the next attempt to reach Asterisk."""

from __future__ import annotations

from random import uniform

FIRST = 0.5
LONGEST = 15.0
GOOD_WHILE = 60.0


class Backoff:
    """Doubles from half a second to fifteen, with jitter, so that many gateways do not return at the same moment."""

    def __init__(self) -> None:
        self._ceiling = FIRST

    def pause(self, lived: float, shortest: float, longest: float) -> float:
        """Seconds to wait after a connection that lasted `lived` seconds; a good minute starts the series anew."""
        if lived >= GOOD_WHILE:
            self._ceiling = FIRST
        pause = uniform(self._ceiling / 2, self._ceiling)  # noqa: S311 (spreads load, hides nothing)
        self._ceiling = min(self._ceiling * 2, LONGEST)
        return min(max(pause, shortest), longest)
