"""What the gateway spends on a call, beside what Asterisk itself spends on it."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

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
RAMP = (1, 2, 4, 8, 16, 32, 64)
"""Calls at once."""
SUBSCRIBERS = 100
OF_ALL = 20
EACH = CALLS // SUBSCRIBERS
EVERYTHING: dict[str, Any] = {}


class Round(NamedTuple):
    """What one round of calls took: CPU time in seconds of each side, and from the first end to the last.

    ``made``: as Asterisk answered the hangups; ``told``: as a client was told of them.
    """

    ours: float
    theirs: float
    made: float
    told: float


async def sustained(lab: Lab) -> list[Row]:
    """What a call costs, with subscribers of 1 % of the calls each and two of all, and how many a second there can be.

    Asterisk makes them as fast as it can, on one core or less; at most 1.0 by CPU means that the gateway keeps up on
    one core. What it does not keep up with waits in its queue; a gap comes when that is full (100,000 events).
    """
    rounds = itertools.count()
    async with session(lab) as http:
        async with subscribers(lab) as watcher:
            found = [await make_round(lab, http, watcher, next(rounds)) for _ in range(ROUNDS)]

        async def in_mode(mode: str) -> float:
            subs = [{"mode": mode}] * OF_ALL
            async with _clients(lab, subs) as others, _clients(lab, [{}]) as (watcher,):
                cpu = (await make_round(lab, http, watcher, next(rounds))).ours * 1e6 / CALLS
                assert all(other.told for other in others), [other.told for other in others]  # patches join changes
                return cpu

        modes = await in_turn(ROUNDS, lambda: in_mode("state"), lambda: in_mode("events"))
    who = f"{SUBSCRIBERS} filtered subscribers and 2 of all, no gap"
    costs = [(one.ours * 1e6 / CALLS, one.theirs * 1e6 / CALLS) for one in found]
    rates = [((CALLS - 1) / one.told, (CALLS - 1) / one.made) for one in found]
    return [
        compare(f"CPU per call, {who}", "µs", "Asterisk's own CPU for the same calls", costs, goal=1.0),
        compare(f"calls told, {who}", "a second", "calls that Asterisk made", rates, better="higher", goal=1.0),
        compare(f"CPU per call, {OF_ALL} clients of all in mode state", "µs", "the same in mode events", modes),
    ]


async def ramp(lab: Lab) -> dict[str, float]:
    """More and more calls at once, until more make no more of them a second: how many there are, and what is full then.

    A gap, or an end that is not told, ends it with an error.
    """
    found: dict[str, float] = {}
    async with session(lab) as http, subscribers(lab, len(RAMP)) as watcher:
        for round_, at_once in enumerate(RAMP):
            one = await make_round(lab, http, watcher, round_, at_once)
            found[f"calls a second, {at_once} at once, all told"] = (CALLS - 1) / one.told
    shares = {"the gateway": one.ours, "Asterisk": one.theirs}
    return found | {f"share of a core that {name} takes at the end": cpu / one.made for name, cpu in shares.items()}


@asynccontextmanager
async def subscribers(lab: Lab, rounds: int = ROUNDS) -> AsyncIterator[Watcher]:
    """A hundred of 1 % of the calls each, and two of all, one of which is given."""
    owned = [_ids_of(number, range(rounds)) for number in range(SUBSCRIBERS)]
    filters = [*({"channel": ids} for ids in owned), EVERYTHING]
    async with _clients(lab, [{"filter": one} for one in filters]) as others, _clients(lab, [{}]) as (watcher,):
        yield watcher
        for other, ids in zip(others, owned, strict=False):
            await until(lambda other=other, ids=ids: other.ends.keys() == set(ids), what="each was told of its calls")


async def make_round(
    lab: Lab, http: aiohttp.ClientSession, watcher: Watcher, round_: int, at_once: int = AT_ONCE
) -> Round:
    assert lab.asterisk.pid is not None
    ids = {ident for number in range(SUBSCRIBERS) for ident in _ids_of(number, [round_])}
    with Cpu(lab.gateway.pid) as ours, Cpu(lab.asterisk.pid) as theirs:
        made = await _make(lab, http, ids, at_once)
        await until(lambda: watcher.ends.keys() >= ids, within=60, what="all ends were told")
    told = [watcher.ends[ident] for ident in ids]
    return Round(ours.seconds, theirs.seconds, max(made) - min(made), max(told) - min(told))


@asynccontextmanager
async def _clients(lab: Lab, subs: list[dict[str, Any]]) -> AsyncIterator[list[Watcher]]:
    """One that reads for each subscription. None may be told of a gap."""
    token = lab.gateway.token(minutes=60)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                greeted(lab.gateway.url, token, subs=[{"sub": 1, "target": "pbx", **sub}]),
            )
            for sub in subs
        ]
        watchers = [Watcher(client) for client in clients]
        watching = [asyncio.create_task(watcher.run()) for watcher in watchers]
        yield watchers
        for task in watching:
            task.cancel()
        for end in await asyncio.gather(*watching, return_exceptions=True):
            assert isinstance(end, asyncio.CancelledError), f"a client read no more: {end!r}"
        gaps = sum(watcher.gaps for watcher in watchers)
        assert gaps == 0, f"{gaps} gaps"


def _ids_of(subscriber: int, rounds: Iterable[int]) -> list[str]:
    """The channels of one subscriber's calls."""
    return [f"bench-{subscriber}-{one}-{call}" for one in rounds for call in range(EACH)]


async def _make(lab: Lab, http: aiohttp.ClientSession, ids: set[str], at_once: int) -> list[float]:
    """Make calls and hang them up; when each hangup was answered."""
    turns = asyncio.Semaphore(at_once)

    async def call(ident: str) -> float:
        params = {"endpoint": "Local/601@default", "app": lab.asterisk.app, "channelId": ident}
        async with turns:
            async with http.post("channels", params=params) as made:
                assert made.status == 200, await made.text()
            async with http.delete(f"channels/{ident}") as ended:
                assert ended.status in {204, 404}, await ended.text()
            return time.monotonic()

    return await asyncio.gather(*(call(ident) for ident in ids))


class Watcher:
    """Reads what one client is told: when each channel ended, how many events and patches, and how many gaps."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.ends: dict[str, float] = {}
        self.told = 0
        self.gaps = 0

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):  # nothing came for a while
                await self._take(await self._client.receive())
            self._client.seen.clear()

    async def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "ping":
            await self._client.send({"type": "pong"})
        elif message["type"] == "event" and message["data"]["type"] == "ChannelDestroyed":
            self.ends[message["data"]["channel"]["id"]] = time.monotonic()
        self.told += message["type"] in {"event", "patch"}
        self.gaps += message["type"] == "gap"
