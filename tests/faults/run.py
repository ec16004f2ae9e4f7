"""One run: clients, calls, faults one after the other, rest, and the report."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from faults.clients import FaultClient, crowd
from faults.harm import FAULTS, NONE, Ground
from faults.impact import Window
from faults.journal import Position
from faults.load import Load
from faults.observer import Observer
from faults.report import report
from models.gateway_clients import ari, same
from real.asterisk import fresh_asterisk
from real.gateway import target
from real.proxy import faulty_proxy
from real.relay import lossy_relay
from real.wait import until

RECOVERY = 120.0
LIMITS = {"ping_seconds": 2, "pong_seconds": 300}
"""Pings bring clients up to the head often, so that all can be seen to be there; slow ones answer them late."""
STAYING = 3


@asynccontextmanager
async def owned(*lives):
    """Run tasks beside; whichever ends by itself has failed."""
    tasks = [asyncio.create_task(life) for life in lives]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(end, asyncio.CancelledError):
                pytest.fail(f"a part of the run failed: {end!r}")


async def nothing_left(call) -> bool:
    """End every channel and bridge; whether there was none any more."""
    found = [f"/{kind}/{one['id']}" for kind in ("channels", "bridges") for one in await call("GET", f"/{kind}")]
    for path in found:
        await call("DELETE", path)
    return not found


class Run:
    """`size` clients, `rate` calls per second, each fault `times` times for `seconds`.

    `history`: events that the gateway keeps; with few, slow clients get gaps.
    """

    def __init__(self, *, size: int, rate: float, times: int, seconds: float, history: int) -> None:
        self.size, self.rate, self.times, self.seconds, self.history = size, rate, times, seconds, history
        self.windows: list[Window] = []
        self.clients: list[FaultClient] = []
        self._numbers = itertools.count()

    async def go(self, gateways) -> dict[str, Any]:
        """Do it all; the report. AssertionError where clients do not recover."""
        async with fresh_asterisk("22") as asterisk, faulty_proxy(urlsplit(asterisk.ari_url).port) as proxy:
            section = target(asterisk, url=f"http://127.0.0.1:{proxy.port}/ari")
            self.gateway = await gateways.start(section, limits=LIMITS, stream={"history_events": self.history})
            async with lossy_relay(self.gateway.port) as relay:
                self.ground = Ground(proxy, asterisk, relay)
                self.observer = Observer(asterisk)
                self.load = Load(asterisk, section["app"], self.rate, self.observer.up)
                began = time.monotonic()
                async with owned(self.observer.run()), self._everyone(), self.load:
                    async with owned(self.load.run()):
                        await self._harm()
                    await self._rest()
                return report(self, time.monotonic() - began)

    @property
    def _witness(self) -> FaultClient:
        """One that gets everything, and never goes by itself."""
        return next(one for one in self._steady if one.wish.mode == "events" and not one.wish.filter)

    @property
    def _steady(self) -> list[FaultClient]:
        return [client for client in self.clients if client.journal.steady]

    @asynccontextmanager
    async def _everyone(self):
        await until(self.observer.up.is_set, what="the observer is there")
        told: dict[Position, Any] = {}
        for number, wish in enumerate(crowd(self.size)):
            name = f"{number}-{wish.door}-{wish.mode}-{wish.habit}"
            self.clients.append(FaultClient(name, wish, self.gateway, self.ground.relay, number, told))
        async with owned(*(client.run() for client in self.clients)):
            await until(lambda: all(one.is_current for one in self._steady), within=60, what="all clients are there")
            yield

    async def _harm(self) -> None:
        for fault in (NONE, *FAULTS) * self.times:
            began, lost = time.monotonic(), self.ground.relay.lost
            await fault.harm(self.ground, self.seconds)
            ended = time.monotonic()
            await self._all_hear(self._steady)
            lost = self.ground.relay.lost - lost
            self.windows.append(Window(fault.name, began, ended, time.monotonic(), fault.doors, lost))

    async def _rest(self) -> None:
        """Calls end, everyone reads on, and has everything; then every state is Asterisk's own."""
        for client in self.clients:
            client.habits_on = False
        await self.load.over()
        async with ari(self.ground.asterisk) as call:
            await until(lambda: nothing_left(call), within=RECOVERY, what="no channel and no bridge is left")
            # What stays is what the states are compared by.
            for number in range(STAYING):
                query = {"endpoint": "Local/600@default", "app": self.load.app, "callerId": f"Eve <{number}>"}
                await call("POST", f"/channels/stays-{number}", otherChannelId=f"stays-{number}-2", **query)
            await self._all_hear(self.clients)
            for client in self.clients:
                if client.wish.mode == "state":
                    await until(lambda client=client: same(client, call), what=f"the state of {client.journal.name}")

    async def _all_hear(self, clients: list[FaultClient]) -> None:
        """Everyone has what came before now: seen by an event that everyone gets, or is brought up to."""
        name = f"mark-{next(self._numbers)}"

        async def heard() -> bool:
            place = self._witness.markers.get(name)
            if place is None or place[0] != self._witness.position["epoch"]:
                await self.load.marker(name)
                return False
            return all(client.stands_at(place) for client in clients)

        try:
            await until(heard, within=RECOVERY, every=0.25)
        except AssertionError:
            place = self._witness.markers.get(name)
            late = [(one.journal.name, one.position) for one in clients if place is None or not one.stands_at(place)]
            raise AssertionError(f"not within {RECOVERY:g} s: all have {name} at {place}; without it: {late}") from None
