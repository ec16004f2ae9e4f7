"""The clocks of one connection: time to say hello, pings and pongs, the token's end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aribridge.core.settings import LimitSettings

_APART_SECONDS = 0.001
"""Between two goodbyes of this kind: thousands in one turn of the event loop would hold up everybody for seconds."""


class Row:
    """Where tokens of many clients expire at the same moment, their connections end one after the other."""

    def __init__(self) -> None:
        self._last = 0.0

    def place(self, now: float) -> float:
        """When it is the next one's turn, not before now."""
        self._last = max(now, self._last + _APART_SECONDS)
        return self._last


Goodbye = Callable[[str, str], None]


class Liveness:
    """Calls ``goodbye`` when a client is silent for too long, and ``ping`` when it is time for one."""

    def __init__(self, limits: LimitSettings, ping: Callable[[], None], goodbye: Goodbye, row: Row) -> None:
        """``row`` is that of all connections."""
        self._limits = limits
        self._row = row
        self._ping = ping
        self._goodbye = goodbye
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None

    def await_hello(self) -> None:
        """Start the time that a client has to say hello."""
        seconds = self._limits.hello_seconds
        self._set(seconds, lambda: self._goodbye("hello_timeout", f"No hello within {seconds:g} s."))

    def greeted(self) -> None:
        """The client said hello: from here on it is pinged, and must answer."""
        self._set(self._limits.ping_seconds, self._send_ping)

    def pong(self) -> None:
        """The client answered a ping."""
        self.greeted()

    def expire_at(self, moment: float | None) -> None:
        """Set when the token ends, in Unix seconds, None for never; for a while a fresh one saves the connection."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if moment is not None:
            delay = max(0.0, moment + self._limits.expiry_seconds - time.time())
            self._expiry = self._loop.call_later(delay, self._expire)

    def stop(self) -> None:
        """Stop all clocks."""
        for handle in (self._timer, self._expiry):
            if handle is not None:
                handle.cancel()

    def _expire(self) -> None:
        turn = self._row.place(self._loop.time())
        self._expiry = self._loop.call_at(turn, self._goodbye, "token_expired", "The token has expired.")

    def _send_ping(self) -> None:
        self._ping()
        seconds = self._limits.pong_seconds
        self._set(seconds, lambda: self._goodbye("ping_timeout", f"No pong within {seconds:g} s."))

    def _set(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then)
