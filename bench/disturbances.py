"""Commands of one client while others do harm: its own p99 with the harm beside its own p99 without."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from bench.asker import asker
from bench.figures import Row, at, compare
from bench.latency import timed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bench.asker import Asker
    from bench.lab import Lab

ROUNDS = 5
PINGS = 300
LOOP = {"type": "message", "data": {"loop": True}}
BURST = {"type": "message", "data": {"burst": 20}}
SUBSCRIBE = {"type": "subscribe", "sub": 1, "target": "pbx", "filter": {"type": ["Bench"]}}


async def beside(lab: Lab) -> list[Row]:
    """A script that never ends its hook, and a client that never reads what it subscribed to."""
    async with AsyncExitStack() as stack:
        client, other = [await stack.enter_async_context(asker(lab)) for _ in range(2)]
        loops = await _pairs(client, lambda: other.ask(LOOP))
        await stack.enter_async_context(_stalled(lab))
        stalls = await _pairs(client, lambda: other.ask(BURST))
    name = f"p99 of {PINGS} pings beside"
    theirs = "its own p99 without"
    return [
        compare(f"{name} a script that loops for ever, again and again", "ms", theirs, loops),
        compare(f"{name} events for a client that does not read", "ms", theirs, stalls),
    ]


async def _pairs(client: Asker, harm: Callable[[], Awaitable[Any]]) -> list[tuple[float, float]]:
    pairs = []
    for _ in range(ROUNDS):
        alone = await _p99(client)
        harming = asyncio.create_task(_again(harm))
        pairs.append((await _p99(client), alone))
        harming.cancel()
        await asyncio.gather(harming, return_exceptions=True)
    return pairs


async def _again(harm: Callable[[], Awaitable[Any]]) -> None:
    while True:
        await harm()


async def _p99(client: Asker) -> float:
    return at(99, [await timed(client.ping) for _ in range(PINGS)])


@asynccontextmanager
async def _stalled(lab: Lab) -> AsyncIterator[None]:
    async with asker(lab) as client:
        await client.ask(SUBSCRIBE)
        client.stop_reading()
        yield
