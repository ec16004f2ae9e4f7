"""What carries the pings: Asterisk's own HTTP, the gateway's WebSocket, a data channel of Chromium."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from real.gateway import Gateway

    from aribridge.asterisk.instance import PrivateAsterisk

DEADLINE = 10.0
PING = {"type": "request", "method": "GET", "path": "/asterisk/ping"}


@asynccontextmanager
async def asterisk_http(asterisk: PrivateAsterisk) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """ARI itself, without the gateway."""
    auth = aiohttp.BasicAuth(asterisk.user, asterisk.password)

    async def ping() -> None:
        async with http.get(f"{asterisk.ari_url}/asterisk/ping") as response:
            await response.read()

    async with aiohttp.ClientSession(auth=auth) as http:
        yield ping


@asynccontextmanager
async def gateway_websocket(gateway: Gateway) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """The native WebSocket door."""
    numbers, waiting = itertools.count(1), dict[int, asyncio.Future[Any]]()

    async def ask(message: dict[str, Any]) -> Any:
        number = next(numbers)
        answer = waiting[number] = asyncio.get_running_loop().create_future()
        await socket.send_str(json.dumps({**message, "id": number}))
        return await asyncio.wait_for(answer, DEADLINE)

    async def read() -> None:
        async for frame in socket:
            answer = json.loads(frame.data)
            if answer.get("id") in waiting:
                waiting.pop(answer["id"]).set_result(answer)

    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(gateway.ws_url + "/v1/ws", protocols=["aribridge.v1"]) as socket,
    ):
        reader = asyncio.create_task(read())
        await ask({"type": "hello", "token": gateway.token()})
        yield lambda: ask(PING)
        reader.cancel()
