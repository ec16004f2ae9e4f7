"""Whether an application may be taken without taking it from somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aribridge.ari import connect, outage
from aribridge.ari.http import Http

if TYPE_CHECKING:
    from aribridge.core.settings import AsteriskSettings


async def application_is_free(settings: AsteriskSettings) -> tuple[bool, str]:
    """Whether no client has the application, and if one has, or Asterisk cannot be asked, why not and what to do."""
    http = Http(settings)
    try:
        if await connect.is_free(http, settings):
            return True, ""
    except outage.Outage as fault:
        return False, fault.reason
    finally:
        await http.close()
    return False, (
        f"The application {settings.app} at {settings.url} has a client, a gateway probably: end that one, or choose"
        " another application that the dialplan sends calls to. (Asterisk 16 keeps applications until it is restarted.)"
    )
