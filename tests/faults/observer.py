"""An application of its own on Asterisk, past gateway and proxy: it sees what Asterisk emits.

Its sources are the gateway's, hence not `subscribeAll`, which brings device states (see tests/real/asterisk.py).
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

import aiohttp
from faults.journal import Emitted, moment

APP = "observer"
SOURCES = ("channel:", "bridge:", "endpoint:")
PAUSE = 0.05
SECONDS = 5.0


class Observer:
    """`emitted` is what Asterisk told; `unseen`: by Asterisk's clock, when it told this application nothing."""

    def __init__(self, asterisk) -> None:
        self.asterisk = asterisk
        self.emitted: list[Emitted] = []
        self.up = asyncio.Event()
        self._lost_at: float | None = 0.0
        self._unseen: list[tuple[float, float]] = []

    @property
    def unseen(self):
        """Up to now, where it is away at the moment."""
        return [*self._unseen, *([] if self._lost_at is None else [(self._lost_at, float("inf"))])]

    async def run(self) -> None:
        """Watch until cancelled; come back at once when Asterisk does."""
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._watch()
            await asyncio.sleep(PAUSE)

    async def _watch(self) -> None:
        auth = {"Authorization": aiohttp.encode_basic_auth(self.asterisk.user, self.asterisk.password)}
        url = self.asterisk.ari_url
        async with (
            aiohttp.ClientSession(headers=auth, timeout=aiohttp.ClientTimeout(total=SECONDS)) as http,
            http.ws_connect(f"{url}/events", params={"app": APP}) as socket,
        ):
            for source in SOURCES:
                query = {"eventSource": source}
                async with http.post(f"{url}/applications/{APP}/subscription", params=query) as answer:
                    answer.raise_for_status()
            self._unseen.append((self._lost_at or 0.0, time.time()))
            self._lost_at = None
            self.up.set()
            try:
                await self._read(socket)
            finally:
                self.up.clear()
                self._lost_at = moment(self.emitted[-1].event) if self.emitted else 0.0

    async def _read(self, socket) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.emitted.append(Emitted(json.loads(message.data), time.monotonic()))
