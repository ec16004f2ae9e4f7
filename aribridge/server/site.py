"""The listener for browsers: a TCP port whose newcomers are bounded, with TLS where there is a certificate."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from socket import IPPROTO_TCP, TCP_USER_TIMEOUT

from aiohttp import web

from aribridge.server.handshakes import Handshakes
from aribridge.server.intake import Paced
from aribridge.server.newcomers import Newcomers
from aribridge.transport.turns import Turns

_BACKLOG = 1024
_UNREAD_SECONDS = 30
"""How long a client may leave what it is sent unread, long polls included; the kernel ends the connection then."""


class PublicSite(web.BaseSite):
    """Listens for as long as its runner is up."""

    def __init__(
        self,
        runner: web.AppRunner,
        host: str,
        port: int,
        newcomers: Newcomers,
        turns: Turns,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(runner, ssl_context=tls, backlog=_BACKLOG)
        self._host, self._port = host, port
        self._newcomers = newcomers
        self._turns = turns
        self._handshakes = Handshakes(tls, newcomers, self._protocol) if tls else None

    @property
    def name(self) -> str:
        """Its URL."""
        return f"{'https' if self._ssl_context else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError."""
        await super().start()
        accept = self._handshakes.accept if self._handshakes else self._protocol
        server = await asyncio.get_running_loop().create_server(accept, self._host, self._port, backlog=self._backlog)
        for socket in server.sockets:
            socket.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, _UNREAD_SECONDS * 1000)  # accepted ones inherit it
        self._server = server

    async def stop(self) -> None:
        """Listen no more."""
        if self._handshakes:
            await self._handshakes.stop()
        self._newcomers.stop()
        await super().stop()

    def _protocol(self) -> Paced:
        """Who takes the requests of a connection."""
        server = self._runner.server
        assert server is not None  # the runner is set up
        handler = server()
        self._newcomers.came(handler)
        return Paced(handler, self._turns, partial(self._newcomers.left, handler))
