"""How many calls a second the gateway keeps up with, beside what Asterisk itself makes on one core."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
from real.wait import until
from real.wsclient import greeted

from bench.figures import Cpu, Row, compare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.lab import Lab

ROUNDS = 5
CALLS, AT_ONCE = 400, 8
SUBSCRIBERS = 100


async def sustained(lab: Lab) -> list[Row]:
    """CPU time for a call: the gateway's, with a hundred subscribers of 1 % of the calls each and two of all.

    At most 1.0 means that the gateway keeps up with all the calls that Asterisk makes on one core, on one core.
    """
    token = lab.gateway.token(minutes=60)
    assert lab.asterisk.pid is not None
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                greeted(lab.gateway.url, token, subs=[{"sub": 1, "target": "pbx", "filter": one}])
            )
            for one in [*({"channel": _ids_of(number)} for number in range(SUBSCRIBERS)), {}, {}]
        ]
        watchers = [asyncio.create_task(_watch(client)) for client in clients]
        headers = {"Authorization": aiohttp.encode_basic_auth(lab.asterisk.user, lab.asterisk.password)}
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        pairs = []
        for round_ in range(ROUNDS):
            ids = [ident for number in range(SUBSCRIBERS) for ident in _ids_of(number, [round_])]
            with Cpu(lab.gateway.pid) as ours, Cpu(lab.asterisk.pid) as theirs:
                await _make(lab, http, ids)
                await until(lambda ids=ids: _all_ended(clients[-1], ids), within=60, what="all ends were told")
            pairs.append((ours.each(CALLS), theirs.each(CALLS)))
        gaps = sum(message["type"] == "gap" for client in clients for message in client.seen)
        for watcher in watchers:
            watcher.cancel()
    assert gaps == 0, f"{gaps} gaps"
    name = f"CPU per call, {SUBSCRIBERS} filtered subscribers and 2 of all, no gap"
    return [compare(name, "µs", "Asterisk's own CPU for the same calls", pairs, goal=1.0)]


def _ids_of(subscriber: int, rounds: Iterable[int] = range(ROUNDS)) -> list[str]:
    """The channels of one subscriber's calls."""
    return [f"bench-{subscriber}-{one}-{call}" for one in rounds for call in range(CALLS // SUBSCRIBERS)]


async def _make(lab: Lab, http: aiohttp.ClientSession, ids: list[str]) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def call(ident: str) -> None:
        params = {"endpoint": "Local/601@default", "app": lab.asterisk.app, "channelId": ident}
        async with turns:
            async with http.post(f"{lab.asterisk.ari_url}/channels", params=params) as made:
                assert made.status == 200, await made.text()
            async with http.delete(f"{lab.asterisk.ari_url}/channels/{ident}") as ended:
                assert ended.status in {204, 404}, await ended.text()

    await asyncio.gather(*(call(ident) for ident in ids))


async def _watch(client: Any) -> None:
    while True:
        with suppress(TimeoutError):  # nothing came for a while
            message = await client.receive()
            if message["type"] == "ping":
                await client.send({"type": "pong"})


def _all_ended(client: Any, ids: list[str]) -> bool:
    ended = {
        message["data"]["channel"]["id"]
        for message in client.seen
        if message["type"] == "event" and message["data"]["type"] == "ChannelDestroyed"
    }
    return ended >= set(ids)
