"""GET /v1/catalogue/<target>: the operations of a connected Asterisk, for forms and generators."""

from __future__ import annotations

import msgspec
from aiohttp import web

from aribridge.ari import Catalogue
from aribridge.auth import Authenticator
from aribridge.hub import Target, Targets
from aribridge.protocol.problems import Problem
from aribridge.server.bearer import bearer


class CatalogueDoor:
    """Serves what the connected Asterisk describes of itself."""

    def __init__(self, targets: Targets, authenticator: Authenticator) -> None:
        self._targets = targets
        self._authenticator = authenticator
        self._texts: dict[str, tuple[Catalogue, bytes]] = {}
        """By target: to put one together takes ten thousand times as long as what is paid for it."""

    def routes(self) -> list[web.RouteDef]:
        """The door's address."""
        return [web.get("/v1/catalogue/{target}", self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        await bearer(request, self._authenticator)
        target = self._targets.pick(request.match_info["target"])
        catalogue = target.link.catalogue
        if catalogue is None:
            raise Problem("target_down", target.link.reason, after_ms=1000)
        return web.Response(body=self._text(target, catalogue), content_type="application/json")

    def _text(self, target: Target, catalogue: Catalogue) -> bytes:
        known, text = self._texts.get(target.name, (None, b""))
        if known is not catalogue:
            body = {"target": target.name, "version": target.link.version, "operations": catalogue.to_json()}
            text = msgspec.json.encode(body)
            self._texts[target.name] = (catalogue, text)
        return text
