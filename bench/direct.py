"""ARI itself, as a client without a gateway has it: by HTTP, and by the WebSocket of an application of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.lab import Lab

APP = "bench-direct"
DEADLINE = 10.0
EVENT = "ChannelUserevent"
_NUMBERS = itertools.count(1)


def session(lab: Lab) -> aiohttp.ClientSession:
    """A client that Asterisk lets in."""
    headers = {"Authorization": aiohttp.encode_basic_auth(lab.asterisk.user, lab.asterisk.password)}
    return aiohttp.ClientSession(lab.asterisk.ari_url + "/", headers=headers)


async def ping(http: aiohttp.ClientSession) -> None:
    """One command by HTTP."""
    async with http.get("asterisk/ping") as response:
        await response.read()
        assert response.status == 200, response.status


async def tell(http: aiohttp.ClientSession, app: str) -> None:
    """Have Asterisk send an application an event; no two are the same."""
    async with http.post(f"events/user/Bench{next(_NUMBERS)}", params={"application": app}) as response:
        assert response.status == 204, await response.text()


class DirectSocket:
    """Requests over the event socket (ARI's REST over WebSocket), and the events on it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self.events: asyncio.Queue[str] = asyncio.Queue()

    async def ping(self) -> None:
        """One command over the socket."""
        number = str(next(self._numbers))
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        request = {"type": "RESTRequest", "request_id": number, "method": "GET", "uri": "asterisk/ping"}
        await self._socket.send_str(json.dumps(request))
        said = await asyncio.wait_for(answer, DEADLINE)
        assert said["status_code"] == 200, said

    async def read(self) -> None:
        """Hand out answers and events until cancelled."""
        async for frame in self._socket:
            said = json.loads(frame.data)
            if waiting := self._waiting.pop(said.get("request_id"), None):
                waiting.set_result(said)
            elif said["type"] == EVENT:
                self.events.put_nowait(said["type"])


@asynccontextmanager
async def direct_socket(http: aiohttp.ClientSession) -> AsyncIterator[DirectSocket]:
    """An open socket of an application that nobody else has."""
    async with http.ws_connect("events", params={"app": APP}) as socket:
        direct = DirectSocket(socket)
        reading = asyncio.create_task(direct.read())
        yield direct
        reading.cancel()
