"""What the gateway spends on a call, beside what Asterisk itself spends on it."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from real.wait import until
from real.wsclient import greeted

from bench.direct import session
from bench.figures import Cpu, Row, compare, in_turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import aiohttp
    from real.wsclient import Client

    from bench.lab import Lab

ROUNDS = 5
CALLS, AT_ONCE = 400, 8
SUBSCRIBERS = 100
OF_ALL = 20
EACH = CALLS // SUBSCRIBERS
EVERYTHING: dict[str, Any] = {}
THEIRS = "Asterisk's own CPU for the same calls"


async def sustained(lab: Lab) -> list[Row]:
    """CPU time for a call, with subscribers of 1 % of the calls each and two of all; then by mode.

    At most 1.0 means that the gateway keeps up, on one core, with all the calls that Asterisk makes on one core.
    """
    rounds = itertools.count()
    async with session(lab) as http:
        filters = [*({"channel": _ids_of(number)} for number in range(SUBSCRIBERS)), EVERYTHING]
        async with _clients(lab, [{"filter": one} for one in filters]), _clients(lab, [{}]) as (watcher,):
            pairs = [await _cost(lab, http, watcher, next(rounds)) for _ in range(ROUNDS)]

        async def in_mode(mode: str) -> float:
            subs = [{"mode": mode}] * OF_ALL
            async with _clients(lab, subs), _clients(lab, [{}]) as (watcher,):
                ours, _ = await _cost(lab, http, watcher, next(rounds))
                return ours

        modes = await in_turn(ROUNDS, lambda: in_mode("state"), lambda: in_mode("events"))
    return [
        compare(
            f"CPU per call, {SUBSCRIBERS} filtered subscribers and 2 of all, no gap", "µs", THEIRS, pairs, goal=1.0
        ),
        compare(f"CPU per call, {OF_ALL} clients of all in mode state", "µs", "the same in mode events", modes),
    ]


async def _cost(lab: Lab, http: aiohttp.ClientSession, watcher: Client, round_: int) -> tuple[float, float]:
    """Microseconds for a call, the gateway's and Asterisk's."""
    assert lab.asterisk.pid is not None
    ids = {ident for number in range(SUBSCRIBERS) for ident in _ids_of(number, [round_])}
    with Cpu(lab.gateway.pid) as ours, Cpu(lab.asterisk.pid) as theirs:
        await _make(lab, http, ids)
        await until(lambda: _all_ended(watcher, ids), within=60, what="all ends were told")
    return ours.each(CALLS), theirs.each(CALLS)


@asynccontextmanager
async def _clients(lab: Lab, subs: list[dict[str, Any]]) -> AsyncIterator[list[Client]]:
    """One that reads for each subscription. None may be told of a gap."""
    token = lab.gateway.token(minutes=60)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                greeted(lab.gateway.url, token, subs=[{"sub": 1, "target": "pbx", **sub}]),
            )
            for sub in subs
        ]
        watchers = [asyncio.create_task(_watch(client)) for client in clients]
        yield clients
        gaps = sum(message["type"] == "gap" for client in clients for message in client.seen)
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        assert gaps == 0, f"{gaps} gaps"


def _ids_of(subscriber: int, rounds: Iterable[int] = range(ROUNDS)) -> list[str]:
    """The channels of one subscriber's calls."""
    return [f"bench-{subscriber}-{one}-{call}" for one in rounds for call in range(EACH)]


async def _make(lab: Lab, http: aiohttp.ClientSession, ids: set[str]) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def call(ident: str) -> None:
        params = {"endpoint": "Local/601@default", "app": lab.asterisk.app, "channelId": ident}
        async with turns:
            async with http.post("channels", params=params) as made:
                assert made.status == 200, await made.text()
            async with http.delete(f"channels/{ident}") as ended:
                assert ended.status in {204, 404}, await ended.text()

    await asyncio.gather(*(call(ident) for ident in ids))


async def _watch(client: Client) -> None:
    while True:
        with suppress(TimeoutError):  # nothing came for a while
            message = await client.receive()
            if message["type"] == "ping":
                await client.send({"type": "pong"})


def _all_ended(client: Client, ids: set[str]) -> bool:
    ended = {
        message["data"]["channel"]["id"]
        for message in client.seen
        if message["type"] == "event" and message["data"]["type"] == "ChannelDestroyed"
    }
    return ended >= ids
