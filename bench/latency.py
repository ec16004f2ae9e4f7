"""What the gateway adds to a command and to an event, over the WebSocket, beside ARI itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from bench.asker import asker
from bench.direct import APP, EVENT, direct_socket, ping, session, tell
from bench.figures import Row, at, compare, in_turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.lab import Lab

ROUNDS = 5
TIMES = 400
INFLIGHT = 16
DEADLINE = 10.0
BY_HTTP, BY_SOCKET = "ARI itself over HTTP", "ARI itself, REST over WebSocket"
SUBSCRIBE = {"type": "subscribe", "sub": 1, "target": "pbx", "filter": {"type": [EVENT]}}


async def added(lab: Lab) -> list[Row]:
    """Round trips one at a time, commands a second, and the way of an event from Asterisk to a client."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(session(lab))
        direct = await stack.enter_async_context(direct_socket(http))
        client = await stack.enter_async_context(asker(lab))
        await client.ask(SUBSCRIBE)

        async def through_gateway() -> None:
            await tell(http, lab.asterisk.app)
            await asyncio.wait_for(client.events.get(), DEADLINE)

        async def through_socket() -> None:
            await tell(http, APP)
            await asyncio.wait_for(direct.events.get(), DEADLINE)

        rows = []
        for theirs, call, goal in ((BY_HTTP, lambda: ping(http), 1.5), (BY_SOCKET, direct.ping, None)):
            one = await in_turn(ROUNDS, lambda: _p50(client.ping), lambda call=call: _p50(call))
            many = await in_turn(ROUNDS, lambda: _rate(client.ping), lambda call=call: _rate(call))
            rows += [
                compare("ARI ping over the WebSocket, one at a time, p50", "ms", theirs, one, goal=goal),
                compare(
                    f"ARI pings over the WebSocket, {INFLIGHT} in flight", "a second", theirs, many, better="higher"
                ),
            ]
        events = await in_turn(ROUNDS, lambda: _p50(through_gateway), lambda: _p50(through_socket))
        rows.append(
            compare("from a request to its event on the WebSocket, p50", "ms", "ARI's own event socket", events)
        )
    return rows


async def _p50(call: Callable[[], Awaitable[Any]]) -> float:
    return at(50, [await timed(call) for _ in range(TIMES)])


async def _rate(call: Callable[[], Awaitable[Any]]) -> float:
    async def worker() -> None:
        for _ in range(100):
            await call()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(INFLIGHT)))
    return INFLIGHT * 100 / (time.perf_counter() - began)


async def timed(call: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds that a call takes."""
    began = time.perf_counter()
    await call()
    return 1000 * (time.perf_counter() - began)
