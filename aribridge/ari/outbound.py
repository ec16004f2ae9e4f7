"""Asterisk opens the event socket (outbound, in Asterisk's words): where its socket arrives."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from aribridge.ari.http import CLOSE_TIMEOUT, HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROTOCOL = "ari"


class DialIn:
    """The sockets that one Asterisk opens, one at a time; while none is wanted none is taken, and it tries again."""

    def __init__(self) -> None:
        self._wanted: asyncio.Future[web.WebSocketResponse] | None = None
        self._done = asyncio.Event()

    @property
    def is_wanted(self) -> bool:
        """Whether the link waits for a socket."""
        return self._wanted is not None

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[web.WebSocketResponse]:
        """Wait for a socket; it is closed at the end of the block."""
        self._wanted = wanted = asyncio.get_running_loop().create_future()
        try:
            socket = await wanted
        finally:
            self._wanted = None
        try:
            yield socket
        finally:
            await socket.close()
            self._done.set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Take the socket of a request while one is wanted; return when the link is done with it."""
        wanted, self._wanted = self._wanted, None
        assert wanted is not None
        # It does not close by itself: what Asterisk sent before its close frame is to be read.
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,), autoclose=False, heartbeat=HEARTBEAT, timeout=CLOSE_TIMEOUT, compress=False
        )
        try:
            await socket.prepare(request)
        except BaseException:
            if not wanted.done():  # else the link may want another one by now
                self._wanted = wanted
            raise
        if wanted.cancelled():
            await socket.close()
            return socket
        self._done = done = asyncio.Event()
        wanted.set_result(socket)
        await done.wait()
        return socket
