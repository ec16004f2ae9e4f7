"""Connections that have yet to send a request: they get some seconds for it, and there are so many at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from socket import IPPROTO_TCP, TCP_USER_TIMEOUT

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestHandler

from aribridge.core.settings import LimitSettings

log = structlog.get_logger("aribridge.server")

_BACKLOG = 1024
_UNREAD_SECONDS = 30
"""How long a client may leave what it is sent unread, long polls included; the kernel ends the connection then."""


class Newcomers:
    """Where one more comes than there may be, the one that has been silent for longest goes: others speak at once."""

    def __init__(self, limits: LimitSettings) -> None:
        self._most = limits.handshakes
        self.seconds = limits.header_seconds
        self._waiting: dict[RequestHandler, asyncio.TimerHandle] = {}

    def came(self, handler: RequestHandler) -> None:
        """A connection was accepted, and will be told to ``handler``."""
        if len(self._waiting) >= self._most:
            oldest = next(iter(self._waiting))
            self._waiting.pop(oldest).cancel()
            oldest.force_close()
        # With TLS the handler hears of the connection after the handshake, which may take as long.
        loop = asyncio.get_running_loop()
        self._waiting[handler] = loop.call_later(self.seconds, self._wait_again, handler)

    def middleware(self) -> Middleware:
        """Let those go on that have sent a request."""

        @web.middleware
        def spoke(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
            timer = self._waiting.pop(request.protocol, None)
            if timer is not None:
                timer.cancel()
            return handler(request)

        return spoke

    def stop(self) -> None:
        """Wait for nobody any more."""
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def _wait_again(self, handler: RequestHandler) -> None:
        if handler.transport is not None:
            self._cut(handler)
        else:
            loop = asyncio.get_running_loop()
            self._waiting[handler] = loop.call_later(self.seconds, self._cut, handler)

    def _cut(self, handler: RequestHandler) -> None:
        self._waiting.pop(handler, None)
        if handler.transport is not None:
            log.info("http.silent", peer=handler.transport.get_extra_info("peername"), seconds=self.seconds)
        handler.force_close()


class NewcomersSite(web.BaseSite):
    """A TCP port whose newcomers are bounded; with TLS where there is a context for it."""

    def __init__(
        self, runner: web.AppRunner, host: str, port: int, newcomers: Newcomers, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(runner, ssl_context=tls, backlog=_BACKLOG)
        self._host, self._port = host, port
        self._newcomers = newcomers

    @property
    def name(self) -> str:
        """Its URL."""
        return f"{'https' if self._ssl_context else 'http'}://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError."""
        await super().start()
        server = await asyncio.get_running_loop().create_server(
            self._accept,
            self._host,
            self._port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=self._newcomers.seconds if self._ssl_context else None,
        )
        for socket in server.sockets:
            socket.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, _UNREAD_SECONDS * 1000)  # accepted ones inherit it
        self._server = server

    async def stop(self) -> None:
        """Listen no more."""
        self._newcomers.stop()
        await super().stop()

    def _accept(self) -> RequestHandler:
        server = self._runner.server
        assert server is not None  # the runner is set up
        handler = server()
        self._newcomers.came(handler)
        return handler
