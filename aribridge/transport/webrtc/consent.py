"""When to ask a peer whether it is still there, and when it counts as lost (RFC 7675)."""

from __future__ import annotations

ASK_SECONDS = 5.0
"""Between two questions to a peer that is heard of anyway (section 5.1)."""
EXPIRES_SECONDS = 30.0
"""Without an answer, whatever else is heard of it (section 5.1)."""
_QUIET = 3 / 8
"""Part of the time to its loss after which a peer is asked of which nothing was heard; browsers check every 2.5 s."""
_AGAIN = 1 / 8
"""Part of that time between two questions, so that several can be lost."""


class Consent:
    """One peer's. ``seconds`` of silence are its end. Times are seconds on any steady clock."""

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds = seconds
        self._heard = self._given = now

    @property
    def expires(self) -> float:
        """When the peer is lost, as things stand."""
        return min(self._heard + self._seconds, self._given + EXPIRES_SECONDS)

    @property
    def due(self) -> float:
        """When to ask it, as things stand."""
        return min(self._heard + self._seconds * _QUIET, self._given + ASK_SECONDS)

    def pause(self, now: float) -> float:
        """Seconds until there is something to do."""
        return max(0.0, min(max(self.due - now, self._seconds * _AGAIN), self.expires - now))

    def heard(self, now: float) -> None:
        """A check of its own came, which it has signed."""
        self._heard = now

    def given(self, now: float) -> None:
        """It has answered."""
        self._heard = self._given = now

    def excuse(self, now: float) -> None:
        """It was us who were away: answers may be waiting to be read."""
        since = now - self._seconds / 2
        self._heard, self._given = max(self._heard, since), max(self._given, since)
