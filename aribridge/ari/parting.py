"""Leaving an Asterisk that dials in, so that the gateway's next run can prove that it misses nothing.

While the gateway is away, Asterisk keeps the events for the next connection, in their order. The first of them is a
mark: an event of our own, set once Asterisk had closed the socket. Who gets it back gets all that came after it, from
the same run of Asterisk, which nobody else got in between.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec
import structlog

from aribridge.ari import paths
from aribridge.ari.http import NoAnswer
from aribridge.ari.request import Request

if TYPE_CHECKING:
    from aribridge.ari.http import Http
    from aribridge.core.settings import AsteriskSettings

PREFIX = "aribridge.parted."

log = structlog.get_logger("aribridge.ari")


class Parting(msgspec.Struct, frozen=True):
    """The mark that was set, and which run of which Asterisk it was: its entity id, and when it started."""

    mark: str
    entity: str
    started: str


async def set_mark(http: Http, settings: AsteriskSettings) -> str | None:
    """Have Asterisk send our own event to the application; its name, None where that failed."""
    name = PREFIX + secrets.token_hex(8)
    target = f"{paths.join(('events', 'user', name))}?application={settings.app}"
    try:
        answer = await http.send(Request("POST", target), settings.timeout)
    except NoAnswer as error:
        log.warning("link.not_marked", target=settings.name, error=str(error))
        return None
    if answer.status >= 400:
        log.warning("link.not_marked", target=settings.name, status=answer.status)
        return None
    return name
