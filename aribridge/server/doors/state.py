"""GET /v1/state[/<target>]: the call state at once, for servers that look now and then."""

from __future__ import annotations

import msgspec
from aiohttp import web

from aribridge.auth import Authenticator
from aribridge.core.state.kinds import KINDS
from aribridge.hub import READ_EVENTS, Targets
from aribridge.protocol.problems import Problem
from aribridge.server.bearer import bearer


class StateDoor:
    """Serves channels, bridges, endpoints and the rest as they are, with the position where a subscription goes on."""

    def __init__(self, targets: Targets, authenticator: Authenticator) -> None:
        self._targets = targets
        self._authenticator = authenticator

    def routes(self) -> list[web.RouteDef]:
        """The door's addresses; without a target it is the only one."""
        return [web.get("/v1/state", self._get), web.get("/v1/state/{target}", self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        if not bearer(request, self._authenticator).may(READ_EVENTS):
            detail = f"The token does not allow call state; it takes a token whose ops claim matches {READ_EVENTS}."
            raise Problem("forbidden", detail)
        target = self._targets.pick(request.match_info.get("target"))
        if not target.stream.is_open:
            raise Problem("target_down", target.reason, after_ms=1000)
        state = {kind: target.stream.state.values(kind) for kind in KINDS}
        body = {"target": target.name, **target.stream.position, "state": state}
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")
