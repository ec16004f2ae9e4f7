"""Connections that have yet to send a request: they get some seconds for it, and there are so many at once.

With TLS they get as long for the handshake before. Those that owe a body, or may send another request, are bounded with
them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Protocol

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aribridge.core.settings import LimitSettings

log = structlog.get_logger("aribridge.server")


class Newcomer(Protocol):
    """The protocol of a connection; its transport is None once it is closed."""

    @property
    def transport(self) -> asyncio.BaseTransport | None:
        """What it came on."""

    def force_close(self) -> None:
        """Close it."""


class Newcomers:
    """Where one more comes than there may be, the one that has been silent for longest goes: others speak at once."""

    def __init__(self, limits: LimitSettings) -> None:
        self._most = limits.handshakes
        self._seconds = limits.header_seconds
        self._waiting: dict[Newcomer, asyncio.TimerHandle | None] = {}
        self._owing: set[Newcomer] = set()

    def came(self, newcomer: Newcomer) -> None:
        """A connection was accepted, or has TLS now."""
        self._wait(newcomer, asyncio.get_running_loop().call_later(self._seconds, self._cut, newcomer))

    def left(self, newcomer: Newcomer) -> None:
        """It is gone, has TLS now, or has sent a request."""
        self._owing.discard(newcomer)
        timer = self._waiting.pop(newcomer, None)
        if timer is not None:
            timer.cancel()

    def middleware(self) -> Middleware:
        """Let those go on that have sent a request."""

        @web.middleware
        def spoke(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
            if request.body_exists:
                self._wait(request.protocol, None)
                self._owing.add(request.protocol)
                request.content.on_eof(partial(self._brought, request.protocol))
            else:
                self.left(request.protocol)
            return handler(request)

        return spoke

    async def answered(self, request: web.Request, response: web.StreamResponse) -> None:
        """The connection may have another request; to be called before each answer is sent."""
        if isinstance(response, web.Response | web.FileResponse):
            self._wait(request.protocol, None)

    def stop(self) -> None:
        """Wait for nobody any more."""
        for newcomer in tuple(self._waiting):
            self.left(newcomer)
            newcomer.force_close()

    def _brought(self, newcomer: Newcomer) -> None:
        """The body is here: from now on it is the gateway that owes something, unless it has answered before."""
        if newcomer in self._owing:
            self.left(newcomer)

    def _wait(self, newcomer: Newcomer, timer: asyncio.TimerHandle | None) -> None:
        self.left(newcomer)
        if len(self._waiting) >= self._most:
            oldest = next(iter(self._waiting))
            self.left(oldest)
            oldest.force_close()
        self._waiting[newcomer] = timer

    def _cut(self, newcomer: Newcomer) -> None:
        self.left(newcomer)
        if newcomer.transport is not None:
            log.info("http.silent", peer=newcomer.transport.get_extra_info("peername"), seconds=self._seconds)
        newcomer.force_close()
