"""What serves the listeners, and the public one: every door on one port, behind the same few middlewares."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aribridge.core.rates import READ, payers
from aribridge.protocol.problems import Problem
from aribridge.server.bearer import CHARGE, Charge
from aribridge.server.doors.websocket import subprotocols
from aribridge.server.origins import Origins
from aribridge.server.pages import security_headers
from aribridge.server.problems import problems

_JANUS = "janus-protocol"
_MOST_BODY = 1_048_576
_SHUTDOWN_SECONDS = 1.0
_IDLE_SECONDS = 75.0
"""How long a connection is kept for another request: aiohttp's own is an hour."""


def runner(app: web.Application) -> web.AppRunner:
    """What serves an application on a listener. Compressed bodies stay as they come."""
    return web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        keepalive_timeout=_IDLE_SECONDS,
        handler_cancellation=True,
        auto_decompress=False,
    )


def application(
    routes: Sequence[web.AbstractRouteDef],
    first: Sequence[Middleware],
    origins: Origins,
    charge: Charge,
    janus: Handler,
) -> web.Application:
    """Make the application. ``first`` sees each request before all others; ``charge`` bounds what each may ask for.

    ``janus`` takes WebSockets of the Janus API, which may come on any path. Middlewares that have nothing to do after
    the handler are plain functions: a coroutine would be kept for as long as a WebSocket is open.
    """
    middlewares = [*first, origins.middleware(), problems, _charged(charge), _uncompressed, _janus_anywhere(janus)]
    app = web.Application(middlewares=middlewares, client_max_size=_MOST_BODY)
    app[CHARGE] = charge
    app.on_response_prepare.extend([security_headers, origins.headers])
    app.add_routes(routes)
    return app


def _charged(charge: Charge) -> Middleware:
    """Whatever a request asks for besides, it costs its address a little; bearer() has its subject pay."""

    @web.middleware
    def middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        charge(payers(None, request.remote or ""), READ)
        return handler(request)

    return middleware


@web.middleware
def _uncompressed(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
    """Nobody has to compress what is sent here, and one compressed megabyte may become a gigabyte."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise Problem("unsupported_media_type", f"Send the body as it is, without Content-Encoding: {encoding[:40]}.")
    return handler(request)


def _janus_anywhere(janus: Handler) -> Middleware:
    @web.middleware
    def middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        return (janus if _JANUS in subprotocols(request) else handler)(request)

    return middleware
