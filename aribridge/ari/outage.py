"""Why there is no link to an Asterisk, in sentences that an operator can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from aribridge.ari.backoff import LONGEST
from aribridge.trust import distrust

if TYPE_CHECKING:
    from aribridge.core.settings import AsteriskSettings

# A wrong password does not mend itself, and Asterisk logs every try.
REFUSED_PAUSE = 10.0
BOOTING_PAUSE = 1.0


class Outage(Exception):
    """The link is down: the reason with its remedy, and bounds in seconds for the pause before the next attempt.

    ``replaced``: there is to be none, since another client has the application.
    """

    def __init__(self, reason: str, *, shortest: float = 0.0, longest: float = LONGEST, replaced: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.replaced = replaced
        self.shortest = shortest
        self.longest = longest


def unreachable(settings: AsteriskSettings, cause: BaseException) -> Outage:
    """No connection, or one that ended without an answer."""
    return Outage(f"Asterisk at {settings.url} {_fault(cause)}.")


def refused(settings: AsteriskSettings, status: int) -> Outage:
    """An answer other than 200 where every ARI gives 200."""
    at = f"Asterisk at {settings.url}"
    match status:
        case 401:
            return Outage(
                f"{at} refuses user {settings.user}: check user and password of [[asterisk]] {settings.name} against "
                "ari.conf, and reload that (module reload res_ari.so).",
                shortest=REFUSED_PAUSE,
            )
        case 403:
            return Outage(
                f"{at} forbids this machine or user {settings.user}: check permit, deny and acl in ari.conf and "
                "http.conf.",
                shortest=REFUSED_PAUSE,
            )
        case 404:
            return Outage(
                f"{settings.url} is not the base of an ARI: check url (it usually ends in /ari), enabled=yes in "
                "http.conf and ari.conf, "
                "and that the modules res_ari*.so are loaded. (While Asterisk starts, this is normal.)",
            )
        case 503:
            return Outage(f"{at} is starting or stopping.", longest=BOOTING_PAUSE)
        case _:
            return Outage(f"{at} answers with HTTP status {status}: check that url is the base of an ARI.")


def not_an_ari(settings: AsteriskSettings, fault: str) -> Outage:
    """Answers came, but not an ARI's."""
    return Outage(
        f"{settings.url} does not answer as an ARI does ({fault}): check url of [[asterisk]] {settings.name}."
    )


def unregistered(settings: AsteriskSettings, status: int) -> Outage:
    """The event socket is open, yet Asterisk does not list its application."""
    if settings.link == "outbound":
        return Outage(
            f"Asterisk at {settings.url} dialled in, and answers {status} for the application {settings.app}: it has "
            "to be in apps of the outbound_websocket in ari.conf. Where it is, another client took it and left: `ari "
            f"shutdown websocket session {settings.name}`, then `ari start outbound-websocket {settings.name}` in "
            "Asterisk's console take it back."
        )
    return Outage(
        f"Asterisk at {settings.url} answers {status} for the application {settings.app} although its event socket is "
        "open: the end of an earlier connection may have taken it away, the next attempt tells.",
    )


def socket_ended(settings: AsteriskSettings, code: int | None, cause: BaseException | None) -> Outage:
    """The event socket closed or died, after having worked."""
    at = f"Asterisk at {settings.url}"
    if isinstance(cause, TimeoutError):
        return Outage(f"{at} stopped answering pings on the event socket: the machine or the network is down.")
    if code == aiohttp.WSCloseCode.INTERNAL_ERROR:
        return Outage(f"{at} gave the event socket up (1011): set websocket_write_timeout=5000 in ari.conf.")
    return Outage(f"{at} closed the event socket ({code or 'no close code'}): it stopped, or restarts.")


def cannot_dial(settings: AsteriskSettings, version: str) -> Outage:
    """Asterisk is too old for outbound WebSockets."""
    return Outage(
        f"Asterisk {version} at {settings.url} cannot dial in, which takes 20.15, 21.10 or 22.5: set "
        f'link = "inbound" in [[asterisk]] {settings.name}.',
        shortest=REFUSED_PAUSE,
    )


def not_dialled_in(settings: AsteriskSettings) -> str:
    """Nothing came so far from an Asterisk that is to open the event socket."""
    return (
        f"Asterisk at {settings.url} does not dial in: look at uri, username and password in websocket_client.conf and "
        "at the outbound_websocket in ari.conf (`aribridge init --outbound` prints both), at server.asterisk of the "
        "gateway, and at Asterisk's log. (`ari show outbound-websockets` lists what it dials.)"
    )


def restarted_meanwhile(settings: AsteriskSettings) -> Outage:
    """Asterisk is not the one that it was before it dialled in."""
    return Outage(f"Asterisk at {settings.url} restarted just now.", longest=BOOTING_PAUSE)


def starved(settings: AsteriskSettings) -> Outage:
    """Somebody changed what the application subscribes to, or its event filter."""
    return Outage(
        f"Another client of Asterisk at {settings.url} changed the subscriptions or the event filter of the "
        f"application {settings.app}, so that events were missed; they are made right now. Keep others from that."
    )


def replaced(settings: AsteriskSettings) -> Outage:
    """Another client opened an event socket for the same application."""
    return Outage(
        f"Another client took the application {settings.app} on Asterisk at {settings.url}. If that is the other "
        f"gateway of a pair, all is well; else stop it, or give [[asterisk]] {settings.name} an app of its own. "
        f"{_way_back(settings)}",
        replaced=True,
    )


def standing_by(settings: AsteriskSettings) -> str:
    """Why there is no link from the beginning."""
    return (
        f"Standing by for the application {settings.app} on Asterisk at {settings.url} (standby of [[asterisk]] "
        f"{settings.name}). {_way_back(settings)}"
    )


def _way_back(settings: AsteriskSettings) -> str:
    return f"`aribridge takeover {settings.name}` takes it, which happens by itself when nobody had it for a while."


def _fault(cause: BaseException) -> str:
    if isinstance(cause, TimeoutError):
        return "does not answer in time: check the address, firewalls, and whether Asterisk hangs"
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        why = distrust(cause.certificate_error, "url", "set ca_file to the CA's certificate")
        return f"has a certificate that is not trusted {why}"
    if isinstance(cause, aiohttp.ClientSSLError):
        return "does not speak TLS there: check https or http in url, and tlsenable in http.conf"
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return "has a host name that cannot be resolved: check url"
    if isinstance(cause, aiohttp.ClientConnectorError):
        return f"cannot be connected to ({cause.strerror or cause.os_error}): start it, or check enabled in http.conf"
    return (
        "closes connections without an answer: it is stopping, or sessionlimit in http.conf (by default "
        "100) is reached; raise it there"
    )
