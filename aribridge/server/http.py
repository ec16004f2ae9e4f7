"""The public listener: every door on one port, behind the same few middlewares."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from aribridge.core.rates import READ, payers
from aribridge.server.bearer import CHARGE, Charge
from aribridge.server.doors.websocket import subprotocols
from aribridge.server.origins import Origins
from aribridge.server.pages import security_headers
from aribridge.server.problems import problems

_JANUS = "janus-protocol"
_MOST_BODY = 1_048_576


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
    middlewares = [*first, origins.middleware(), problems, _charged(charge), _janus_anywhere(janus)]
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


def _janus_anywhere(janus: Handler) -> Middleware:
    @web.middleware
    def middleware(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        return (janus if _JANUS in subprotocols(request) else handler)(request)

    return middleware
