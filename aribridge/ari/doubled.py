"""Objects whose events Asterisk would tell twice.

What enters the application in the moment between the event socket and the subscription to everything has a
subscription of its own, and each of its events then comes by both (Asterisk 16 to 22). Its own is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from aribridge.ari import application, outage, paths
from aribridge.ari.http import NoAnswer
from aribridge.ari.request import Request

if TYPE_CHECKING:
    from aribridge.ari.http import Http
    from aribridge.core.settings import AsteriskSettings

_ROUNDS = 10
"""Asterisk counts an object's own subscriptions: one for originate, one for entering the application, and so on."""


async def take_back(http: Http, settings: AsteriskSettings) -> None:
    """Leave the application no subscription besides those to everything. Raises Outage."""
    path = paths.join(("applications", settings.app))
    try:
        for _ in range(_ROUNDS):
            answer = await http.send(Request("GET", path), settings.timeout)
            sources = list(application.read(answer.body).single()) if answer.status == 200 else []
            if not sources:
                return
            for source in sources:
                target = f"{path}/subscription?eventSource={quote(source, safe='')}"
                await http.send(Request("DELETE", target), settings.timeout)
    except msgspec.MsgspecError as error:
        raise outage.not_an_ari(settings, f"GET {path}: {error}") from error
    except NoAnswer as error:
        raise outage.unreachable(settings, error.cause) from error
