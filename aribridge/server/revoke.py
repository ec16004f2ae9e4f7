"""POST /v1/revoke on the operator's socket: a token or a subject is let in no more, from now on and in later runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import structlog
from aiohttp import web

from aribridge.auth import Revocations
from aribridge.core.principal import Principal
from aribridge.protocol.problems import Problem
from aribridge.server.bodies import read_body
from aribridge.server.recorded import ABOUT

log = structlog.get_logger("aribridge.server")

_FLAT = 1

Expel = Callable[[Callable[[Principal], bool]], int]
"""Ends what the principals of revoked tokens have open; returns how much that was."""


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    seconds: float
    jti: str | None = None
    sub: str | None = None


class Revoker:
    """Revokes, and has every door end at once what is open by then."""

    def __init__(self, revocations: Revocations, doors: Sequence[Expel]) -> None:
        self._revocations = revocations
        self._doors = doors

    def routes(self) -> list[web.RouteDef]:
        """Addresses and handlers."""
        return [web.post("/v1/revoke", self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        """200 with ``closed``, how many connections and sessions ended; else ``error``, and nothing is revoked."""
        try:
            order = await read_body(request, _Order, _FLAT, "The order")
            self._revocations.revoke(token=order.jti, subject=order.sub, seconds=order.seconds)
        except Problem as problem:
            return web.json_response({"error": problem.detail}, status=problem.status)
        except OSError as error:
            return web.json_response({"error": f"It cannot be kept, so nothing is revoked: {error}."}, status=500)
        request[ABOUT] = {"sub": order.sub, "jti": order.jti, "seconds": order.seconds}
        closed = sum(expel(self._revocations.covers) for expel in self._doors)
        log.info("token.revoked", sub=order.sub, jti=order.jti, closed=closed)
        return web.json_response({"closed": closed})
