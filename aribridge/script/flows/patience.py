"""What a call must not be left without is asked for again while Asterisk cannot be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aribridge.protocol.problems import Problem

_PAUSE_SECONDS = 2.0

Again = Callable[[Problem], Awaitable[bool]]
"""Asked after a failure: returns True, a moment later, when it is worth another try."""


async def never(_: Problem) -> bool:
    """Try nothing again."""
    return False


class Patience:
    """Waits for the link to one Asterisk, until the gateway stops or stands by."""

    def __init__(self) -> None:
        self._over = asyncio.Event()

    def end(self) -> None:
        """Let nothing be tried again."""
        self._over.set()

    async def again(self, problem: Problem) -> bool:
        """Whether to try again now, after a pause; True only while there is no link."""
        if problem.code != "target_down":
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE_SECONDS):
                await self._over.wait()
        return not self._over.is_set()
