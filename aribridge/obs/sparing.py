"""What strangers give rise to again and again, logged now and then: it must not fill the disk."""

from __future__ import annotations

import time
from collections.abc import Hashable

AGAIN_SECONDS = 60.0
MOST = 100
"""Things that are said in that time."""


class Sparing:
    """Says what is alike once a minute, and only so many things."""

    def __init__(self) -> None:
        self._said: dict[Hashable, float] = {}

    def may_say(self, what: Hashable) -> bool:
        """Whether it is time to say this, which counts as said then."""
        now = time.monotonic()
        # The oldest stand first.
        while self._said and now - next(iter(self._said.values())) >= AGAIN_SECONDS:
            del self._said[next(iter(self._said))]
        if what in self._said or len(self._said) >= MOST:
            return False
        self._said[what] = now
        return True
