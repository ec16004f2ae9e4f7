"""The WebSocket: latency beside ARI itself, fan-out beside bare aiohttp, what a connection costs."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from real.machine import free_port
from real.wait import until

from bench.figures import Cpu, Row, at, compare, in_turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bench.lab import Lab

ROUNDS = 5
DELIVERIES = 20_000
"""Of one measurement: CPU time is counted in hundredths of a second."""
DEADLINE = 120.0
PING = {"type": "request", "method": "GET", "path": "/asterisk/ping", "target": "pbx"}
SUBS = [{"sub": 1, "target": "pbx", "filter": {"type": ["Bench"]}}]
DIRECT = "ARI itself over HTTP"
BARE = "bare aiohttp sending the same bytes"


class Asker:
    """One connection to `/v1/ws`, from this process."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, message: dict[str, Any]) -> Any:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps({**message, "id": number}))
        return await asyncio.wait_for(answer, DEADLINE)

    async def read(self) -> None:
        async for frame in self._socket:
            answer = json.loads(frame.data)
            if answer.get("id") in self._waiting:
                self._waiting.pop(answer["id"]).set_result(answer)


@asynccontextmanager
async def asker(lab: Lab) -> AsyncIterator[Asker]:
    """A connection that said hello."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(lab.gateway.ws_url + "/v1/ws", protocols=["aribridge.v1"]) as socket,
    ):
        client = Asker(socket)
        reader = asyncio.create_task(client.read())
        await client.ask({"type": "hello", "token": lab.gateway.token(minutes=60)})
        yield client
        reader.cancel()


async def latency(lab: Lab) -> list[Row]:
    """What the gateway adds to a command."""
    headers = {"Authorization": aiohttp.encode_basic_auth(lab.asterisk.user, lab.asterisk.password)}
    async with aiohttp.ClientSession(headers=headers) as http, asker(lab) as client:

        async def direct() -> None:
            async with http.get(f"{lab.asterisk.ari_url}/asterisk/ping") as response:
                await response.read()

        async def p50(call: Callable[[], Awaitable[Any]]) -> float:
            return at(50, [await _timed(call) for _ in range(400)])

        async def rate(call: Callable[[], Awaitable[Any]]) -> float:
            async def worker() -> None:
                for _ in range(100):
                    await call()

            began = time.perf_counter()
            await asyncio.gather(*(worker() for _ in range(16)))
            return 1600 / (time.perf_counter() - began)

        def ours() -> Awaitable[Any]:
            return client.ask(PING)

        one = await in_turn(ROUNDS, lambda: p50(ours), lambda: p50(direct))
        many = await in_turn(ROUNDS, lambda: rate(ours), lambda: rate(direct))
    return [
        compare("ARI ping over the WebSocket, one at a time, p50", "ms", DIRECT, one, goal=1.5),
        compare("ARI pings over the WebSocket, 16 in flight", "a second", DIRECT, many, better="higher"),
    ]


async def fan_out(lab: Lab) -> list[Row]:
    """CPU time for each event that a client gets, beside bare aiohttp; and how it grows with the clients."""
    rows, cost = [], {}
    for count, goal in ((10, None), (100, None), (1000, 1.5), (5000, None)):
        pairs = await _against_bare(lab, count)
        cost[count] = pairs
        rows.append(compare(f"server CPU per delivered event, {count:,} WebSockets", "µs", BARE, pairs, goal=goal))
    growth = [(large, small) for (large, _), (small, _) in zip(cost[5000], cost[100], strict=True)]
    return [*rows, compare("the same with 5,000 WebSockets", "µs", "the same with 100", growth, goal=1.2)]


async def _against_bare(lab: Lab, count: int) -> list[tuple[float, float]]:
    hello = json.dumps({"type": "hello", "id": 1, "token": lab.gateway.token(minutes=60), "subs": SUBS})
    burst = max(10, DELIVERIES // count)
    data = {"type": "Bench", "filling": "x" * 1200}
    event = json.dumps({"type": "event", "sub": 1, "data": data}, separators=(",", ":"))
    async with AsyncExitStack() as stack:
        url, pid = await stack.enter_async_context(_bare())
        client = await stack.enter_async_context(asker(lab))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        bare = await stack.enter_async_context(http.ws_connect(url))
        here = await stack.enter_async_context(readers(lab.gateway.ws_url + "/v1/ws", count, hello))
        there = await stack.enter_async_context(readers(url, count, ""))

        async def ours() -> float:
            with Cpu(lab.gateway.pid) as cpu:
                await client.ask({"type": "message", "data": {"burst": burst}})
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
async def _bare() -> AsyncIterator[tuple[str, int]]:
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
async def readers(url: str, count: int, hello: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """So many clients; call with a number to wait until they have got that many events together."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.readers", url, str(count)),
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
        await say(hello, b"open")
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


async def _timed(call: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await call()
    return 1000 * (time.perf_counter() - began)
