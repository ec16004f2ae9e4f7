"""What connections say is taken in by turns, until they are WebSockets.

aiohttp takes in all that was read at once, which may be 256 KB, and a chunk of one byte takes as long as a thousand
bytes do: some hundred connections of a stranger held up everybody for half a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

_PIECE = 4096
_TURN_SECONDS = 0.004
"""For all connections, in one turn of the event loop."""
_HANDLING_SECONDS = 0.00025
"""What a piece asks for takes about as long, and comes after it."""


class Intake:
    """The turns of all connections."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._waiting: deque[Paced] = deque()
        self._spent = 0.0
        """Seconds of this turn."""
        self._is_due = False

    def take(self, connection: Paced) -> None:
        """Take in what a connection has to say: at once, as long as the turn is not over, else when it has its own."""
        if self._waiting or self._spent >= _TURN_SECONDS:
            self._waiting.append(connection)
        else:
            self._take_piece(connection)
        self._make_due()

    def _turn(self) -> None:
        self._is_due, self._spent = False, 0.0
        if self._waiting:
            self._make_due()
        while self._waiting and self._spent < _TURN_SECONDS:
            self._take_piece(self._waiting.popleft())

    def _take_piece(self, connection: Paced) -> None:
        began = self._clock()
        if connection.take_piece():
            self._waiting.append(connection)
        self._spent += self._clock() - began + _HANDLING_SECONDS

    def _make_due(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)


class Paced(asyncio.Protocol):
    """A connection whose requests go to aiohttp's handler; ``lost`` is told of its end."""

    _transport: asyncio.Transport
    _untaken = b""
    _is_socket = False

    def __init__(self, handler: RequestHandler, intake: Intake, lost: Callable[[], None]) -> None:
        self._handler = handler
        self._intake = intake
        self._lost = lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._handler.connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone, and what was not taken in with it."""
        self._untaken = b""
        self._handler.connection_lost(exc)
        self._lost()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._handler.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Have it taken in; until that is done, nothing more is read."""
        has_turn = bool(self._untaken)
        self._untaken += data
        if not has_turn:
            self._intake.take(self)
        if self._untaken and not self._transport.is_closing():
            self._transport.pause_reading()

    def take_piece(self) -> bool:
        """Give the handler some of it; whether there is more."""
        piece, self._untaken = self._untaken[:_PIECE], self._untaken[_PIECE:]
        if piece:
            self._handler.data_received(piece)
        if self._untaken:
            return True
        self._read_on()
        return False

    def become_socket(self) -> None:
        """From here on it is a WebSocket, which takes what comes at once: its messages are bounded."""
        self._is_socket = True
        if not self._untaken:
            self._read_on()

    def _read_on(self) -> None:
        if self._transport.is_closing():
            return
        if self._is_socket:
            self._transport.set_protocol(self._handler)
        # Unless it is aiohttp that has it paused, for a body that nobody has read yet.
        if not self._handler._reading_paused:
            self._transport.resume_reading()


async def let_sockets_go(request: web.Request, response: web.StreamResponse) -> None:
    """To be called before each answer is sent."""
    if isinstance(response, web.WebSocketResponse) and request.transport is not None:
        paced = request.transport.get_protocol()
        if isinstance(paced, Paced):
            paced.become_socket()
