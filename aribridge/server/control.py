"""What the operator does to the gateway that runs: look at clients, kick one, begin a stop, choose what is logged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import structlog
from aiohttp import web

from aribridge.core.settings import LogSettings
from aribridge.hub import Hub
from aribridge.obs.logging import configure
from aribridge.obs.redact import redact
from aribridge.server.recorded import ABOUT

log = structlog.get_logger("aribridge.server")

LEVELS: tuple[str, ...] = get_args(get_type_hints(LogSettings)["level"])
LONGEST_REASON = 200
_AT_ONCE = 100


class Control:
    """GET /v1/connections, POST /v1/connections/<id>/kick, POST /v1/drain, PUT /v1/log-level.

    ``stop`` begins a planned stop, as SIGTERM does.
    """

    def __init__(self, hub: Hub, logging: LogSettings, stop: Callable[[], None]) -> None:
        self._hub = hub
        self._logging = logging
        self._stop = stop

    def routes(self) -> list[web.RouteDef]:
        """Addresses and handlers."""
        return [
            web.get("/v1/connections", self._get_connections),
            web.post("/v1/connections/{connection}/kick", self._post_kick),
            web.post("/v1/drain", self._post_drain),
            web.put("/v1/log-level", self._put_log_level),
        ]

    async def _get_connections(self, _: web.Request) -> web.Response:
        reports = []
        for number, one in enumerate(self._hub.connections):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)  # thousands at once would hold up everybody
            reports.append(redact(one.to_report()))
        return web.json_response({"connections": reports})

    async def _post_kick(self, request: web.Request) -> web.Response:
        """200 once the goodbye is on its way; 404 with ``error``."""
        ident = request.match_info["connection"]
        found = next((one for one in self._hub.connections if one.id == ident), None)
        if found is None:
            return _refusal(404, "No connection has this id; `aribridge connections` lists them.")
        reason = request.query.get("reason", "")[:LONGEST_REASON]
        request[ABOUT] = {"user": found.principal.sub if found.is_admitted else None}
        log.info("operator.kick", connection=ident, reason=reason)
        found.goodbye("kicked", reason or "The operator of the gateway ended the connection.")
        return web.json_response({"connection": ident})

    async def _post_drain(self, _: web.Request) -> web.Response:
        log.info("operator.drain")
        self._stop()
        return web.json_response({"draining": True})

    async def _put_log_level(self, request: web.Request) -> web.Response:
        """200 with the levels ``before`` and ``now``; 400 with ``error``. It lasts until the gateway ends."""
        before, level = self._logging.level, request.query.get("level", "")
        if level not in LEVELS:
            return _refusal(400, f"The level is one of {', '.join(LEVELS)}.")
        self._logging = replace(self._logging, level=level)  # type: ignore[arg-type]  # one of the levels, as seen
        configure(self._logging)
        log.warning("operator.log_level", before=before, now=level)
        return web.json_response({"before": before, "now": level})


def _refusal(status: int, error: str) -> web.Response:
    body: dict[str, Any] = {"error": error}
    return web.json_response(body, status=status)
