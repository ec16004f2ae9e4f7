"""A client of protocol v1 on a WebSocket, as a server-side user writes one: aiohttp and JSON."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
from real.planted import search_text

from aribridge.core.websocket_frames import masked_text_frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DEADLINE = 30.0
UPGRADE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: gateway.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: aribridge.v1\r\n\r\n"
)


class Client:
    """Sends messages and reads what comes; replies are found by id, everything else is kept in `seen`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        self._arrived: deque[dict[str, Any]] = deque()

    async def send(self, message: Any) -> None:
        await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        """The next message but pings, which are answered. AssertionError when the socket closed instead."""
        while (message := await self._next())["type"] == "ping":
            with suppress(ConnectionError):  # a goodbye may be right behind it
                await self.send({"type": "pong", "t": message["t"]})
        self.seen.append(message)
        return message

    async def _next(self) -> dict[str, Any]:
        """The next message; an array is taken apart."""
        if not self._arrived:
            frame = await self.socket.receive(DEADLINE)
            assert frame.type is aiohttp.WSMsgType.TEXT, (
                f"{frame.type!r} {frame.data!r} {frame.extra!r}; seen {self.seen[-20:]}"
            )
            decoded = json.loads(frame.data)
            if '"error"' in frame.data or '"goodbye"' in frame.data:
                search_text(frame.data, "an error")
            self._arrived.extend(decoded if isinstance(decoded, list) else [decoded])
        return self._arrived.popleft()

    async def until(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Read on until a message is as wanted, among those seen already or those to come."""
        for message in self.seen:
            if wanted(message):
                return message
        async with asyncio.timeout(DEADLINE):
            while True:
                message = await self.receive()
                if wanted(message):
                    return message

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message with a fresh id and return its reply."""
        ident = message.setdefault("id", f"ask-{next(self._ids)}")
        await self.send(message)
        return await self.until(lambda seen: seen["type"] in {"reply", "welcome"} and seen.get("id") == ident)

    async def request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        return await self.ask(type="request", method=method, path=path, **more)

    async def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first event of this type whose channel's fields are as given."""
        return await self.until(
            lambda seen: (
                seen["type"] == "event"
                and seen["data"]["type"] == kind
                and fields.items() <= seen["data"].get("channel", {}).items()
            )
        )

    async def goodbye(self) -> dict[str, Any]:
        """The goodbye, with the code of the close that must follow it."""
        message = await self.until(lambda seen: seen["type"] == "goodbye")
        frame = await self.socket.receive(DEADLINE)
        assert frame.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}, frame
        return message | {"closed": self.socket.close_code}


@asynccontextmanager
async def connect(url: str, *, bearer: str | None = None, origin: str | None = None) -> AsyncIterator[Client]:
    """A client on /v1/ws; with a Bearer token it need not say hello, nor answer pings: it may rest."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    async with (
        aiohttp.ClientSession() as http,
        # Compression is offered, as browsers do.
        http.ws_connect(
            f"{url}/v1/ws", protocols=["aribridge.v1"], headers=headers, origin=origin, compress=15
        ) as socket,
    ):
        yield Client(socket)


@asynccontextmanager
async def hasty(port: int, message: dict[str, Any]) -> AsyncIterator[asyncio.StreamReader]:
    """A client whose first message comes along with the upgrade; what the gateway sends it, as bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE + masked_text_frame(json.dumps(message).encode()))
    try:
        async with asyncio.timeout(DEADLINE):
            yield reader
    finally:
        writer.close()


@asynccontextmanager
async def greeted(url: str, token: str, **hello: Any) -> AsyncIterator[Client]:
    """A client that said hello and was welcomed."""
    async with connect(url) as client:
        welcome = await client.ask(type="hello", token=token, **hello)
        assert welcome["type"] == "welcome", welcome
        yield client
