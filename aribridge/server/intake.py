"""HTTP connections: what they say is taken in by turns, until they are WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from aribridge.transport.turns import ByTurns, Turns


class Paced(ByTurns):
    """A connection whose requests go to aiohttp's handler; ``lost`` is told when there will be no more of them."""

    def __init__(self, handler: RequestHandler, turns: Turns, lost: Callable[[], None]) -> None:
        super().__init__(turns)
        self._handler = handler
        self._lost = lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._handler.connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        self._handler.connection_lost(exc)
        self._lost()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._handler.resume_writing()

    def take(self, data: bytes) -> bool:
        """Have aiohttp read it, which may pause it."""
        self._handler.data_received(data)
        return True

    def resume_reading(self) -> None:
        """Have it read again, unless it is aiohttp that has it paused, for a body that nobody has read yet."""
        if not self._handler._reading_paused:
            super().resume_reading()

    def become_socket(self) -> None:
        """From here on it is a WebSocket, to which aiohttp hands on what came too early."""
        if self._transport.is_closing():
            return
        self._transport.set_protocol(self._handler)
        self._lost()
        if early := self.leave():
            self._handler.data_received(early)
        self._transport.resume_reading()


async def let_sockets_go(request: web.Request, response: web.StreamResponse) -> None:
    """To be called before each answer is sent."""
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS and request.transport is not None:
        paced = request.transport.get_protocol()
        if isinstance(paced, Paced):
            paced.become_socket()
