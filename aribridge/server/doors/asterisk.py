"""WS ``/v1/asterisk/<target>``: an Asterisk opens the event socket of its target (outbound WebSocket)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from http import HTTPStatus

import structlog
from aiohttp import web

from aribridge.ari import Link
from aribridge.core.settings import AsteriskSettings
from aribridge.obs import audit
from aribridge.obs.sparing import Sparing
from aribridge.protocol.problems import Problem

log = structlog.get_logger("aribridge.server")


class AsteriskDoor:
    """Lets an Asterisk in by user and password of its ``[[asterisk]]``; the socket goes to the target's link."""

    def __init__(self, doors: Iterable[tuple[AsteriskSettings, Link]]) -> None:
        self._doors = {settings.name: (settings, link) for settings, link in doors}
        self._sparing = Sparing()

    def routes(self) -> list[web.RouteDef]:
        """Address and handler."""
        return [web.get("/v1/asterisk/{target}", self._dial_in)]

    async def _dial_in(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["target"]
        settings, link = self._doors.get(name, (None, None))
        if settings is None or link is None or link.dial_in is None:
            known = ", ".join(f"/v1/asterisk/{one}" for one in self._doors)
            remedy = f'uri in websocket_client.conf has to end in one of {known} (link = "outbound")'
            return self._refuse(request, HTTPStatus.NOT_FOUND, name, "unknown target", remedy)
        if not _is_allowed(request, settings):
            remedy = f"username and password in websocket_client.conf have to be those of [[asterisk]] {name}"
            return self._refuse(request, HTTPStatus.UNAUTHORIZED, name, "wrong credentials", remedy)
        if link.dial_in.is_wanted:
            return await link.dial_in.serve(request)
        if link.up:
            remedy = "let one Asterisk alone dial this uri, once; each needs an [[asterisk]] of its own"
            return self._refuse(request, HTTPStatus.CONFLICT, name, "a second event socket", remedy)
        # The link is being made or ended; Asterisk tries again by itself.
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)

    def _refuse(self, request: web.Request, status: HTTPStatus, name: str, reason: str, remedy: str) -> web.Response:
        self._say(target=name[:64], peer=request.remote, reason=reason, remedy=remedy)
        if status is HTTPStatus.UNAUTHORIZED:
            audit.turned_away(
                Problem("unauthorized", f"{reason} for the target {name}"), "asterisk", request.remote or ""
            )
        challenge = {"WWW-Authenticate": 'Basic realm="aribridge"'} if status is HTTPStatus.UNAUTHORIZED else {}
        return web.Response(status=status, text=f"{reason}: {remedy}\n", headers=challenge)

    def _say(self, **what: str | None) -> None:
        """Log it now and then: Asterisk tries twice a second."""
        if self._sparing.may_say(str(what)):
            log.warning("asterisk.refused", **what)


def _is_allowed(request: web.Request, settings: AsteriskSettings) -> bool:
    headers = request.headers.getall("Authorization", [])
    scheme, _, given = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    try:
        decoded = base64.b64decode(given, validate=True)
    except ValueError:  # of what is no base64, or not even ASCII
        return False
    wanted = f"{settings.user}:{settings.password}".encode()
    return scheme.lower() == "basic" and hmac.compare_digest(decoded, wanted)
