"""What a data channel costs, the fast path beside aiortc's own: `python -m bench.association`.

Two processes on loopback with uvloop, turn about in one run; CPU is that of each process, which noise moves least.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from bench.figures import show

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

KINDS = ("stock", "fast")
ROUNDS = 3
SIZES = {200: 6_000, 1_200: 3_000, 16_000: 400}
LOSSY_SIZES = {200: 2_000, 16_000: 100}
LOSSES = (0.02, 0.1)
PINGS = 500
SETTLE = 0.5

Figures = dict[str, float]


class Side:
    """A process with peers: what it is asked is a method of `bench.rtc_worker.Worker`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the bench's worker ended in {do}")
        return json.loads(line)  # type: ignore[no-any-return]

    async def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@asynccontextmanager
async def sides(kind: str, *, loss: float = 0.0, peers: int = 1) -> AsyncIterator[tuple[Side, Side]]:
    """A gateway and a client process with so many peers between them, one channel on each.

    The client has a port for each, as browsers have, or peers could not be told apart.
    """

    async def start(udp: str) -> Side:
        return Side(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.rtc_worker", kind, str(loss), udp),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 20,
            )
        )

    gateway, client = await start(""), await start("20000-29999")
    try:
        await connect(gateway, client, peers)
        yield gateway, client
    finally:
        await client.end()
        await gateway.end()


async def connect(gateway: Side, client: Side, peers: int, already: int = 0) -> None:
    for _ in range(peers):
        offer = await client.ask("offer")
        answer = await gateway.ask("answer", sdp=offer["sdp"])
        await client.ask("accept", peer=offer["peer"], sdp=answer["sdp"])
    for side in (gateway, client):
        await side.ask("opened", count=already + peers)


async def cost(gateway: Side, client: Side, count: int, work: Callable[[], Awaitable[Any]]) -> Figures:
    """Messages per second, and microseconds of CPU for each message on each side."""
    await asyncio.sleep(SETTLE)
    before = [await side.ask("usage") for side in (gateway, client)]
    await client.ask("expect", count=count)
    began = time.perf_counter()
    await work()
    await client.ask("wait")
    took = time.perf_counter() - began
    after = [await side.ask("usage") for side in (gateway, client)]
    sending, receiving = (1e6 * (b["cpu"] - a["cpu"]) / count for a, b in zip(before, after, strict=True))
    return {"/s": count / took, "µs to send": sending, "µs to receive": receiving}


async def floods(kind: str, loss: float) -> dict[str, Figures]:
    """As many messages as it takes, of several sizes."""
    rows = {}
    async with sides(kind, loss=loss) as (gateway, client):
        for size, count in (LOSSY_SIZES if loss else SIZES).items():
            rows[f"{size} B, {loss:.0%} loss"] = await cost(
                gateway, client, count, lambda size=size, count=count: gateway.ask("flood", size=size, count=count)
            )
        times = (await gateway.ask("ping", size=200, count=PINGS // (4 if loss else 1)))["times"]
        cuts = quantiles(times, n=100)
        rows[f"round trip of 200 B, {loss:.0%} loss"] = {"p50 ms": cuts[49], "p99 ms": cuts[98]}
    return rows


async def fan_out(kind: str, peers: int) -> dict[str, Figures]:
    """One event of 1.2 KB to each of many peers: many at once, and ten a second."""
    rows = {}
    async with sides(kind, peers=peers) as (gateway, client):
        for name, events, pause in (("in a burst", 10_000 // peers, 0.0), ("10/s", 30, 0.1)):
            rows[f"1.2 KB to {peers} channels, {name}"] = await cost(
                gateway,
                client,
                events * peers,
                lambda events=events, pause=pause: gateway.ask("fan_out", size=1200, events=events, pause=pause),
            )
    return rows


async def batches(kind: str, peers: int = 10) -> dict[str, Figures]:
    """Events that pile up for a client: as a message each, and with the feature `batch` as one array."""
    rows = {}
    async with sides(kind, peers=peers) as (gateway, client):
        for size in (200, 1200):
            for batch in (False, True):
                events = {"size": size, "turns": 20, "events": 20, "batch": batch}
                rows[f"20 events of {size} B at a time, {'batch' if batch else 'one by one'}"] = await cost(
                    gateway, client, 20 * 20 * peers, lambda events=events: gateway.ask("tell", **events)
                )
    return rows


async def memory(kind: str, peers: int = 200) -> dict[str, Figures]:
    """Set-up and memory of a peer."""
    async with sides(kind) as (gateway, client):
        before = await gateway.ask("usage")
        await connect(gateway, client, peers, already=1)
        after = await gateway.ask("usage")
        await asyncio.sleep(10 * SETTLE)
        idle = await gateway.ask("usage")
    return {
        f"{peers} peers": {
            "ms CPU to set up": 1000 * (after["cpu"] - before["cpu"]) / peers,
            "KB": (after["kb"] - before["kb"]) / peers,
            "µs/s idle": 1e6 * (idle["cpu"] - after["cpu"]) / peers / (10 * SETTLE),
        }
    }


async def measure_association(rounds: int = ROUNDS) -> None:
    """All rows, stock and fast turn about."""
    jobs: list[Callable[[str], Awaitable[dict[str, Figures]]]] = [
        *(lambda kind, loss=loss: floods(kind, loss) for loss in (0.0, *LOSSES)),  # type: ignore[misc]
        *(lambda kind, peers=peers: fan_out(kind, peers) for peers in (10, 100)),  # type: ignore[misc]
        batches,
        memory,
    ]
    for job in jobs:
        results: dict[str, list[dict[str, Figures]]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                results[kind].append(await job(kind))
        for row in results["stock"][0]:
            for kind in KINDS:
                show(f"{kind}: {row}", summary([result[row] for result in results[kind]]))


def summary(figures: list[Figures]) -> str:
    """The median of each figure."""
    return ", ".join(f"{median(figure[unit] for figure in figures):,.4g} {unit}" for unit in figures[0])


if __name__ == "__main__":
    asyncio.run(measure_association())
