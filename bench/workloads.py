"""What `make bench-profile` looks at: each gives work to do, which says how many units of it were done."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from bench.asker import asker
from bench.calls import CALLS, make_round, subscribers
from bench.direct import session
from bench.duel import SUBSCRIBED, our_side
from bench.websockets import SUBS, readers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.lab import Lab

Work = Callable[[], Awaitable[int]]
Workload = Callable[["Lab"], AbstractAsyncContextManager[Work]]
CALL_ROUNDS = 10


@asynccontextmanager
async def lone_pings(lab: Lab, times: int = 6_000) -> AsyncIterator[Work]:
    async with our_side(lab).page(lab, 1) as (page, _):

        async def work() -> int:
            return len(await page.evaluate("(times) => latencies('ping', times)", times))

        yield work


@asynccontextmanager
async def pings_in_flight(lab: Lab, times: int = 32_000) -> AsyncIterator[Work]:
    async with our_side(lab).page(lab, 1) as (page, _):

        async def work() -> int:
            await page.evaluate("(times) => rate('ping', times, 16)", times)
            return times

        yield work


@asynccontextmanager
async def pings_by_websocket(lab: Lab, times: int = 12_000) -> AsyncIterator[Work]:
    async with asker(lab) as client:

        async def work() -> int:
            for _ in range(times):
                await client.ping()
            return times

        yield work


def events_to_channels(
    channels: int, order: dict[str, Any], each: int, times: int, features: tuple[str, ...] = ()
) -> Workload:
    @asynccontextmanager
    async def workload(lab: Lab) -> AsyncIterator[Work]:
        async with our_side(lab, {**SUBSCRIBED, "features": list(features)}).page(lab, channels) as (page, _):

            async def work() -> int:
                return sum([await page.evaluate("(given) => fanOut(...given)", [order, each]) for _ in range(times)])

            yield work

    return workload


@asynccontextmanager
async def events_to_websockets(lab: Lab, count: int = 5_000, burst: int = 10) -> AsyncIterator[Work]:
    hello = {"type": "hello", "id": 1, "token": lab.gateway.token(minutes=60), "subs": SUBS}
    async with asker(lab) as client, readers(lab.gateway.ws_url + "/v1/ws", count, hello) as got:

        async def work() -> int:
            for _ in range(20):
                await client.ask({"type": "message", "data": {"burst": burst}})
                await got(count * burst)
            return 20 * count * burst

        yield work


@asynccontextmanager
async def calls(lab: Lab) -> AsyncIterator[Work]:
    numbers = itertools.count()
    async with session(lab) as http, subscribers(lab, 2 * CALL_ROUNDS) as watcher:

        async def work() -> int:
            for _ in range(CALL_ROUNDS):
                await make_round(lab, http, watcher, next(numbers))
            return CALL_ROUNDS * CALLS

        yield work


WORKLOADS: dict[str, Workload] = {
    "ping, data channel": lone_pings,
    "pings, 16 in flight": pings_in_flight,
    "ping, WebSocket": pings_by_websocket,
    "burst to 10 data channels": events_to_channels(10, {"burst": 100}, 100, 60),
    "burst to 10 data channels with batch": events_to_channels(10, {"burst": 100}, 100, 60, ("batch",)),
    "10 events/s to 50 data channels": events_to_channels(50, {"paced": 100, "every": 100}, 100, 1),
    "burst to 5,000 WebSockets": events_to_websockets,
    "calls, 102 subscribers": calls,
}
"""By the name in the page."""
