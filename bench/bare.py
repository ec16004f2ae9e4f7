"""The least that can be done: bare aiohttp that sends bytes to all its WebSockets: `python -m bench.bare PORT`."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import WSMsgType, web

SOCKETS: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("sockets")


async def accept(request: web.Request) -> web.WebSocketResponse:
    """Keep a socket; a text on it is sent to everybody else."""
    socket = web.WebSocketResponse(compress=False, protocols=("aribridge.v1",))
    await socket.prepare(request)
    everyone = request.app[SOCKETS]
    everyone.add(socket)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            for other in tuple(everyone):  # one may go meanwhile
                if other is not socket and not other.closed:  # who sends does not read
                    await other.send_str(message.data)
    everyone.discard(socket)
    return socket


async def serve(port: int) -> None:
    application = web.Application()
    application[SOCKETS] = set()
    application.router.add_get("/", accept)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
