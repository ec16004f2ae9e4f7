"""The console, the JavaScript client and the problem pages."""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files
from pathlib import Path

from aiohttp import web

from aribridge.protocol.problems import Problem
from aribridge.server.problems import page

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """What every answer tells the browser to forbid; to be called before its head is sent."""
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return  # no page is in it
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if isinstance(response, web.FileResponse):
        # Else a browser guesses for how long, and after an upgrade runs old modules beside new ones.
        response.headers.setdefault("Cache-Control", "no-cache")


class Pages:
    """Static files out of the package."""

    def __init__(self, *, console: bool) -> None:
        self._web = Path(str(files("aribridge.web")))
        self._console = console

    def routes(self) -> list[web.AbstractRouteDef]:
        """Addresses of pages."""
        return [
            web.get("/", self._index),
            web.get("/aribridge.js", self._client),
            web.get("/problems/{code}", page),
            web.static("/client", self._web / "client"),
            web.static("/console", self._web / "console"),
        ]

    async def _index(self, _: web.Request) -> web.StreamResponse:
        if not self._console:
            raise Problem("not_found", "The console is off; server.console = true in aribridge.toml turns it on.")
        return web.FileResponse(self._web / "console" / "index.html")

    async def _client(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(self._web / "aribridge.js")
