"""GET /v1/state[/<target>]: the call state at once, for servers that look now and then."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from aribridge.auth import Authenticator
from aribridge.core.policy.scope import Sight
from aribridge.core.rates import WRITE, payers
from aribridge.core.state.kinds import KINDS
from aribridge.core.state.objects import CallState
from aribridge.hub import Access, Targets
from aribridge.protocol import encode
from aribridge.protocol.problems import Problem
from aribridge.server.bearer import CHARGE, bearer

OBJECTS_PER_COST = 100
"""Objects that take as long as one read does."""


class StateDoor:
    """Serves channels, bridges, endpoints and the rest as they are, with the position where a subscription goes on."""

    def __init__(self, targets: Targets, authenticator: Authenticator, access: Access) -> None:
        self._targets = targets
        self._authenticator = authenticator
        self._access = access
        self._turns = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """The door's addresses; without a target it is the only one."""
        return [web.get("/v1/state", self._get), web.get("/v1/state/{target}", self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        # As much as a subscription that begins with a snapshot, and for its size, since all of it is made at once.
        principal = await bearer(request, self._authenticator, cost=WRITE)
        sight = self._access.sight(principal)
        target = self._targets.pick(request.match_info.get("target"))
        async with self._turns:
            # One to a turn of the event loop: with thousands of calls each takes some milliseconds.
            await asyncio.sleep(0)
            if not target.stream.is_open:
                raise Problem("target_down", target.reason, after_ms=1000)
            size = sum(target.stream.state.counts().values())
            request.app[CHARGE](payers(principal, request.remote or ""), size // OBJECTS_PER_COST)
            state = target.stream.state.all_values() if sight is None else _seen(target.stream.state, sight)
            body = msgspec.json.encode({"target": target.name, **target.stream.position, "state": state})
        return web.Response(body=body, content_type="application/json")


def _seen(state: CallState, sight: Sight) -> dict[str, dict[str, msgspec.Raw]]:
    """The objects of the call state that a principal may see, by kind and id."""
    seen: dict[str, dict[str, msgspec.Raw]] = {kind: {} for kind in KINDS}
    for item in state.items():
        if sight.sees(item.labels.scopes):
            seen[item.kind][item.id] = encode.raw(item.text)
    return seen
