"""TLS handshakes of the listener: one to a turn of the event loop, each begun when its client has said something.

A handshake has the gateway sign, which takes half a millisecond with an RSA key. By asyncio's own way all are carried
out as they come: a thousand greetings in one moment, from anybody, held up everybody for 0.6 s. And a connection
would cost memory for TLS, and could not be closed, as long as its client says nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

from aribridge.server.newcomers import Newcomers


class Handshakes:
    """Makes the protocol of each connection that is accepted; ``after`` makes that which has the word behind TLS."""

    def __init__(self, context: ssl.SSLContext, newcomers: Newcomers, after: Callable[[], asyncio.Protocol]) -> None:
        self._context = context
        self._newcomers = newcomers
        self._after = after
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Greeting] = deque()
        self._shaking: set[asyncio.Task[None]] = set()

    def accept(self) -> _Greeting:
        """The protocol of a connection."""
        return _Greeting(self._newcomers, self._queue)

    async def stop(self) -> None:
        """Shake hands with nobody any more. Who has said nothing yet is among the newcomers, and left to them."""
        self._waiting.clear()
        for task in self._shaking:
            task.cancel()
        await asyncio.gather(*self._shaking, return_exceptions=True)

    def _queue(self, greeting: _Greeting) -> None:
        self._waiting.append(greeting)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        if not self._waiting:
            return
        task = self._loop.create_task(self._shake(self._waiting.popleft()))
        self._shaking.add(task)
        task.add_done_callback(self._shaking.discard)
        if self._waiting:
            self._loop.call_soon(self._turn)

    async def _shake(self, greeting: _Greeting) -> None:
        """Bring TLS between a connection and its handler. Who breaks off, or speaks something else, is forgotten."""
        early = _Early()
        try:
            transport = await self._encrypted(greeting, early)
        except (OSError, RuntimeError):  # the latter by uvloop, for a connection that was cut meanwhile
            greeting.transport.abort()
            return
        finally:
            self._newcomers.left(greeting)
        # uvloop tells of a handshake that was cut as of one that is done.
        if transport is not None and not (transport.is_closing() or early.is_lost):
            early.hand_over(transport, self._after())

    async def _encrypted(self, greeting: _Greeting, early: _Early) -> asyncio.Transport | None:
        starting = asyncio.ensure_future(
            self._loop.start_tls(greeting.transport, early, self._context, server_side=True)
        )
        await asyncio.sleep(0)
        if not starting.done():
            # TLS has taken the connection, and reads on in the next turn; this goes before.
            self._loop.call_soon(_feed, greeting.transport.get_protocol(), greeting.said)
        try:
            return await starting
        finally:
            starting.cancel()


class _Greeting(asyncio.Protocol):
    """A connection until its client says something."""

    transport: asyncio.Transport
    said = b""

    def __init__(self, newcomers: Newcomers, spoke: Callable[[_Greeting], None]) -> None:
        self._newcomers = newcomers
        self._spoke = spoke

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was accepted."""
        self.transport = cast(asyncio.Transport, transport)
        self._newcomers.came(self)

    def data_received(self, data: bytes) -> None:
        """The first of its words; what follows is for TLS."""
        self.said = data
        self.transport.pause_reading()
        self._spoke(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, before it said anything or before its turn came."""
        self._newcomers.left(self)

    def force_close(self) -> None:
        """Close it, in the midst of a handshake, too."""
        self.transport.abort()


class _Early(asyncio.Protocol):
    """What comes behind the handshake, until its protocol is there to be told."""

    def __init__(self) -> None:
        self._data = b""
        self.is_lost = False

    def data_received(self, data: bytes) -> None:
        """A request that came together with the end of the handshake."""
        self._data += data

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self.is_lost = True

    def hand_over(self, transport: asyncio.Transport, after: asyncio.Protocol) -> None:
        """Have another protocol go on from here."""
        after.connection_made(transport)
        transport.set_protocol(after)
        if self._data:
            after.data_received(self._data)


def _feed(protocol: asyncio.BaseProtocol, data: bytes) -> None:
    """Give a protocol that takes bytes in a buffer of its own those that were read before it was there."""
    taker = cast(asyncio.BufferedProtocol, protocol)  # by its methods; uvloop's is no subclass
    while data:
        buffer = cast(memoryview, taker.get_buffer(len(data)))
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        taker.buffer_updated(size)
        data = data[size:]
