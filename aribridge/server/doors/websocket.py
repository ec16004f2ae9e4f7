"""WS /v1/ws, subprotocol ``aribridge.v1``: protocol v1 on a WebSocket."""

from __future__ import annotations

from aiohttp import web

from aribridge.auth import Authenticator
from aribridge.hub import Hub
from aribridge.protocol.problems import Problem
from aribridge.server.bearer import optional_bearer
from aribridge.transport.carrier import Carrier, Receiver
from aribridge.transport.turns import Turns
from aribridge.transport.upgrade import accept

SUBPROTOCOL = "aribridge.v1"
_SLACK = 4
"""How far over the frame limit a message is still read, so that the client hears what was wrong with it."""


class WebSocketDoor:
    """Takes WebSocket clients; servers may send a Bearer token, browsers say hello."""

    def __init__(self, hub: Hub, authenticator: Authenticator, turns: Turns, frame: int) -> None:
        self._hub = hub
        self._authenticator = authenticator
        self._turns = turns
        self._frame = frame

    def routes(self) -> list[web.RouteDef]:
        """The door's address."""
        return [web.get("/v1/ws", self._connect)]

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Problem("bad_message", "This is a WebSocket: connect with the subprotocol aribridge.v1.", status=426)
        if SUBPROTOCOL not in subprotocols(request):
            raise Problem("bad_message", "The WebSocket must be opened with the subprotocol aribridge.v1.")
        principal = await optional_bearer(request, self._authenticator)

        def receive(carrier: Carrier) -> Receiver:
            return self._hub.accept(carrier, principal, carrier.peer)

        return await accept(request, receive, self._turns, protocol=SUBPROTOCOL, most=self._frame * _SLACK)


def subprotocols(request: web.Request) -> list[str]:
    """What a WebSocket client offers to speak (RFC 6455 11.3.4)."""
    return [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
