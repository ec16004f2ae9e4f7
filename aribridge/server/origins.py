"""Which web pages may use the gateway from a browser (CORS, Fetch standard 3.2; WebSocket Origin, RFC 6455 10.2)."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aribridge.obs.sparing import Sparing
from aribridge.protocol.problems import Problem
from aribridge.server.problems import problem_response

log = structlog.get_logger("aribridge.server")

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match, Range",
    "Access-Control-Max-Age": "600",
}


class Origins:
    """The allow-list ``server.origins``; in dev mode pages from this machine may come, too."""

    def __init__(self, allowed: list[str], *, dev: bool) -> None:
        self._allowed = {origin.rstrip("/").lower() for origin in allowed}
        self._dev = dev
        self._sparing = Sparing()

    def allows(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may call the gateway that it knows as ``host``."""
        origin = origin.rstrip("/").lower()
        if origin in self._allowed or "*" in self._allowed:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:  # no browser's
            return False
        return parts.netloc == host.lower() or (self._dev and _is_loopback(parts.hostname))

    def middleware(self) -> Middleware:
        """Answer preflights, and refuse foreign pages."""

        @web.middleware
        async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = request.headers.get("Origin")
            if origin is None:
                return await handler(request)
            if not self.allows(origin, request.host):
                return problem_response(self._refusal(origin[:200]))
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                return web.Response(status=204, headers=_PREFLIGHT)
            return await handler(request)

        return cors

    async def headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let an allowed page read what it gets; to be called before the head of an answer is sent."""
        origin = request.headers.get("Origin")
        if origin is not None and self.allows(origin, request.host):
            response.headers.update(_headers(origin))

    def _refusal(self, shown: str) -> Problem:
        if self._sparing.may_say(shown):
            log.warning("origin.refused", origin=shown, remedy=f'add "{shown}" to server.origins in aribridge.toml')
        return Problem(
            "origin_not_allowed", f"Pages of {shown} may not use this gateway; server.origins lists who may."
        )


def _headers(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Location, Link, Content-Range",
        "Vary": "Origin",
    }


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
