"""A client of the gateway's WebSocket, in the process of the bench."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import SocketFactoryType

    from bench.lab import Lab

DEADLINE = 120.0
PING = {"type": "request", "method": "GET", "path": "/asterisk/ping", "target": "pbx"}


class Asker:
    """One connection to `/v1/ws`, from this process."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.events: asyncio.Queue[str] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def ping(self) -> None:
        """One command."""
        answer = await self.ask(PING)
        assert answer["status"] == 200, answer

    async def ask(self, message: dict[str, Any]) -> Any:
        """Send a message; its answer."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps({**message, "id": number}))
        # Not by wait_for, which in Python 3.11 may take no notice of who cancels it just as the answer comes.
        async with asyncio.timeout(DEADLINE):
            return await answer

    def stop_reading(self) -> None:
        """Take nothing more from the socket, until its buffers are full."""
        self._reading.cancel()

    async def _read(self) -> None:
        """Hand out answers, and put events aside, until cancelled."""
        async for frame in self._socket:
            said = json.loads(frame.data)
            if waiting := self._waiting.pop(said.get("id"), None):
                if not waiting.done():  # whoever asked may have been cancelled
                    waiting.set_result(said)
            elif said["type"] == "event":
                self.events.put_nowait(said["data"]["type"])
            elif said["type"] == "ping":
                await self._socket.send_str('{"type":"pong"}')


@asynccontextmanager
async def asker(lab: Lab, socket_factory: SocketFactoryType | None = None) -> AsyncIterator[Asker]:
    """A connection that said hello, on a socket of one's own making where one is given."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=socket_factory)) as http,
        http.ws_connect(lab.gateway.ws_url + "/v1/ws", protocols=["aribridge.v1"]) as socket,
    ):
        client = Asker(socket)
        welcome = await client.ask({"type": "hello", "token": lab.gateway.token(minutes=60)})
        assert welcome["type"] == "welcome", welcome
        yield client
        client.stop_reading()
