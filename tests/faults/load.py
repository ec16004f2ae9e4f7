"""Calls without end: Local channels that enter the gateway's application, in a bridge or not, and end."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress

import aiohttp

HOLD = 1.0
SECONDS = 5.0


class Load:
    """Dials `rate` calls per second on Asterisk itself, as an operator's dialplan does; failures are Asterisk's."""

    def __init__(self, asterisk, app: str, rate: float, is_up: asyncio.Event) -> None:
        self.asterisk, self.app, self.rate, self.is_up = asterisk, app, rate, is_up
        self.dialled = 0
        self._calls: set[asyncio.Task[None]] = set()
        auth = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
        self._http = aiohttp.ClientSession(headers=auth, timeout=aiohttp.ClientTimeout(total=SECONDS))

    async def run(self) -> None:
        """Dial until cancelled."""
        for number in itertools.count():
            await self.is_up.wait()
            # Without an end while Asterisk hangs: no more than an Asterisk would let in.
            if len(self._calls) < 20 * self.rate:
                task = asyncio.create_task(self._call(number))
                self._calls.add(task)
                task.add_done_callback(self._calls.discard)
            await asyncio.sleep(1 / self.rate)

    async def over(self) -> None:
        """Wait for the ends of the calls."""
        await asyncio.gather(*self._calls)

    async def __aenter__(self) -> Load:
        return self

    async def __aexit__(self, *_) -> None:
        await self.over()
        await self._http.close()

    async def marker(self, name: str) -> bool:
        """Have Asterisk tell the application's clients of an event; whether it could."""
        return await self._ask("POST", f"/events/user/{name}", application=self.app)

    async def _call(self, number: int) -> None:
        channel, bridge = f"call-{number}", f"room-{number}"
        more = {"endpoint": "Local/600@default", "otherChannelId": f"{channel}-2", "callerId": f"Ann <{number}>"}
        if not await self._ask("POST", f"/channels/{channel}", app=self.app, **more):
            return
        self.dialled += 1
        if number % 2:
            await self._ask("POST", f"/bridges/{bridge}", type="mixing")
            await self._ask("POST", f"/bridges/{bridge}/addChannel", channel=channel)
        await asyncio.sleep(HOLD)
        await self._ask("DELETE", f"/channels/{channel}")
        if number % 2:
            await self._ask("DELETE", f"/bridges/{bridge}")

    async def _ask(self, method: str, path: str, **query: str) -> bool:
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self._http.request(method, self.asterisk.ari_url + path, params=query) as answer:
                return answer.status < 400
        return False
