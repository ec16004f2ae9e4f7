"""Standing by: another client has the application, and keeps it until the operator or its absence says otherwise."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aribridge.ari import connect, outage
from aribridge.ari.backoff import LONGEST
from aribridge.ari.race import first_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aribridge.ari.http import Http
    from aribridge.core.settings import AsteriskSettings

POLL = 2.0
# Who lost its connection, or has its Asterisk restarted, comes back within the longest pause of a link: it goes first.
FREE_FOR = LONGEST + 5.0


class Standby:
    """Ends when it is asked to, or when nobody had the application for ``FREE_FOR`` seconds."""

    def __init__(self, settings: AsteriskSettings) -> None:
        self._settings = settings
        self._asked = asyncio.Event()

    def end(self) -> None:
        """Stand by no more: the operator wants it."""
        self._asked.set()

    async def wait(self, http: Http, say: Callable[[str], None]) -> None:
        """Return when the application is to be taken; until then ``say`` gets the reason why it is not."""
        await first_of(self._until_asked(), self._until_free(http, say))
        self._asked.clear()

    async def _until_asked(self) -> None:
        await self._asked.wait()

    async def _until_free(self, http: Http, say: Callable[[str], None]) -> None:
        clock = asyncio.get_running_loop().time
        last_seen = clock()
        while clock() - last_seen < FREE_FOR:
            await asyncio.sleep(POLL)
            try:
                is_free = await connect.is_free(http, self._settings)
            except outage.Outage as fault:
                is_free = False
                say(f"{outage.standing_by(self._settings)} {fault.reason}")
            if not is_free:
                last_seen = clock()
