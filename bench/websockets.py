"""Events to many WebSockets, beside bare aiohttp."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from real.machine import free_port
from real.wait import until

from bench.asker import DEADLINE, asker
from bench.figures import Cpu, Row, compare, in_turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bench.lab import Lab

ROUNDS = 5
DELIVERIES = 20_000
"""Of one measurement: CPU time is counted in hundredths of a second."""
SUBS: list[dict[str, Any]] = [{"sub": 1, "target": "pbx", "filter": {"type": ["Bench"]}}]
BARE = "bare aiohttp sending the same bytes"


async def fan_out(lab: Lab) -> list[Row]:
    """CPU time for each event that a client gets, beside bare aiohttp; and how it grows with the clients."""
    rows, cost = [], {}
    for count, goal in ((10, None), (100, None), (1000, 1.5), (5000, None)):
        pairs = cost[count] = await _against_bare(lab, count)
        rows.append(compare(f"server CPU per delivered event, {count:,} WebSockets", "µs", BARE, pairs, goal=goal))
    batched = await _against_bare(lab, 100, ["batch"])
    rows.append(compare("server CPU per delivered event, 100 WebSockets with batch", "µs", BARE, batched))
    unfiltered = [ours for ours, _ in await _against_bare(lab, 100, subs=[{"sub": 1, "target": "pbx"}])]
    filtered = [ours for ours, _ in cost[100]]
    name = "server CPU per delivered event, 100 WebSockets without a filter"
    rows.append(compare(name, "µs", "the same with one, by type", list(zip(unfiltered, filtered, strict=True))))
    growth = [(large, small) for (large, _), (small, _) in zip(cost[5000], cost[100], strict=True)]
    return [*rows, compare("the same with 5,000 WebSockets", "µs", "the same with 100", growth, goal=1.2)]


async def _against_bare(
    lab: Lab, count: int, features: Sequence[str] = (), *, subs: Sequence[dict[str, Any]] = SUBS
) -> list[tuple[float, float]]:
    token = lab.gateway.token(minutes=60)
    hello = {"type": "hello", "id": 1, "token": token, "features": features, "subs": subs}
    burst = max(10, DELIVERIES // count)
    data = {"type": "Bench", "filling": "x" * 1200}
    event = json.dumps({"type": "event", "sub": 1, "data": data}, separators=(",", ":"))
    async with AsyncExitStack() as stack:
        url, pid = await stack.enter_async_context(bare_server())
        client = await stack.enter_async_context(asker(lab))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        bare = await stack.enter_async_context(http.ws_connect(url))
        here = await stack.enter_async_context(readers(lab.gateway.ws_url + "/v1/ws", count, hello))
        there = await stack.enter_async_context(readers(url, count, None))

        async def ours() -> float:
            with Cpu(lab.gateway.pid) as cpu:
                answer = await client.ask({"type": "message", "data": {"burst": burst}})
                assert answer["status"] == 200, answer
                await here(count * burst)
            return cpu.each(count * burst)

        async def theirs() -> float:
            with Cpu(pid) as cpu:
                for _ in range(burst):
                    await bare.send_str(event)
                await there(count * burst)
            return cpu.each(count * burst)

        return await in_turn(ROUNDS, ours, theirs)


@asynccontextmanager
async def bare_server() -> AsyncIterator[tuple[str, int]]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.bare", str(port))
    url = f"http://127.0.0.1:{port}/"
    try:
        await until(lambda: _answers(url), within=DEADLINE, what="bare aiohttp serves")
        yield url.replace("http", "ws"), process.pid
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def readers(
    url: str, count: int, *hellos: dict[str, Any] | None, text: str = '"type":"Bench"'
) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """So many clients, with these hellos in turn; call with a number to wait until they have got the text so often."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.readers", url, str(count), text),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    async def say(line: str, expected: bytes) -> None:
        process.stdin.write(f"{line}\n".encode())
        said = await asyncio.wait_for(process.stdout.readline(), DEADLINE)
        assert said.strip() == expected, said

    try:
        await say(json.dumps(hellos), b"open")
        yield lambda events: say(str(events), b"done")
    finally:
        process.kill()
        await process.wait()


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.ws_connect(url):
            return True
    except aiohttp.ClientError:
        return False
