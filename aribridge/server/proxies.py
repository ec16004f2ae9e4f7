"""Reverse proxies in front of the gateway: what they tell of a client is believed where they are named."""

from __future__ import annotations

from collections.abc import Awaitable
from ipaddress import ip_address, ip_network

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


class Proxies:
    """The networks of ``server.trusted_proxies``."""

    def __init__(self, networks: list[str]) -> None:
        self._networks = [ip_network(network, strict=False) for network in networks]

    def middleware(self) -> Middleware:
        """Make ``request.remote`` and ``scheme`` the client's, from X-Forwarded-For and X-Forwarded-Proto."""

        @web.middleware
        def forwarded(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
            if self._trusts(request.remote or ""):
                request = self._client_of(request)
            return handler(request)

        return forwarded

    def _client_of(self, request: web.Request) -> web.Request:
        named = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        # Each proxy adds whom it heard at the right; what is left of the last stranger may be anybody's invention.
        client = next((hop for hop in map(str.strip, reversed(named)) if not self._trusts(hop)), "")
        scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
        return request.clone(
            remote=client if _is_address(client) else request.remote or "",
            scheme=scheme if scheme in {"http", "https"} else request.scheme,
        )

    def _trusts(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
