"""Objects whose events Asterisk would tell twice.

What enters the application in the moment between the event socket and the subscription to everything has a
subscription of its own, and each of its events then comes by both (Asterisk 16 to 22). Its own is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from aribridge.ari import outage, paths
from aribridge.ari.http import NoAnswer
from aribridge.ari.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aribridge.ari.http import Http
    from aribridge.core.settings import AsteriskSettings

_EVERYTHING = "__AST_"
"""What the names begin with under which Asterisk lists subscriptions to all of a kind."""
_ROUNDS = 10
"""Asterisk counts an object's own subscriptions: one for originate, one for entering the application, and so on."""


class _Application(msgspec.Struct):
    channel_ids: list[str] = []
    bridge_ids: list[str] = []
    endpoint_ids: list[str] = []


async def take_back(http: Http, settings: AsteriskSettings) -> None:
    """Leave the application no subscription besides those to everything. Raises Outage."""
    application = paths.join(("applications", settings.app))
    try:
        for _ in range(_ROUNDS):
            answer = await http.send(Request("GET", application), settings.timeout)
            sources = list(_own(answer.body)) if answer.status == 200 else []
            if not sources:
                return
            for source in sources:
                target = f"{application}/subscription?eventSource={quote(source, safe='')}"
                await http.send(Request("DELETE", target), settings.timeout)
    except msgspec.MsgspecError as error:
        raise outage.not_an_ari(settings, f"GET {application}: {error}") from error
    except NoAnswer as error:
        raise outage.unreachable(settings, error.cause) from error


def _own(body: bytes | None) -> Iterator[str]:
    found = msgspec.json.decode(body or b"{}", type=_Application)
    kinds = {"channel": found.channel_ids, "bridge": found.bridge_ids, "endpoint": found.endpoint_ids}
    return (f"{kind}:{one}" for kind, ids in kinds.items() for one in ids if not one.startswith(_EVERYTHING))
