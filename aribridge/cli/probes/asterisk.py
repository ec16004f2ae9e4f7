"""How an Asterisk answers: address, ARI, password, version, clock, and who has the application."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from aribridge.ari import outage
from aribridge.ari.advisories import advisories
from aribridge.ari.http import tls_context
from aribridge.ari.versions import as_numbers, can_dial, release
from aribridge.cli.probes.finding import Finding, of_sentence
from aribridge.core.settings import AsteriskSettings

SECONDS = 5.0
"""For an answer."""
MOST_APART = 5.0
"""Seconds between two clocks that nobody minds."""
KEEPS_APPLICATIONS = 16
"""The last release that keeps an application whose client is gone."""


class _System(msgspec.Struct):
    version: str


class _Info(msgspec.Struct):
    system: _System


class _Named(msgspec.Struct):
    name: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    seconds: float
    ahead: float | None
    """Seconds by which Asterisk's clock is ahead of ours, by its Date header."""


async def look(settings: AsteriskSettings, running: dict[str, Any] | None) -> list[Finding]:
    """Everything about one Asterisk; ``running`` is what the gateway says of it, None where none runs."""
    what = f"asterisk {settings.name}"
    try:
        connector = aiohttp.TCPConnector(ssl=tls_context(settings))
    except ValueError as error:
        return [of_sentence(what, str(error))]
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"Authorization": aiohttp.encode_basic_auth(settings.user, settings.password)},
        timeout=aiohttp.ClientTimeout(total=SECONDS),
    ) as http:
        try:
            info = await _get(http, settings, "asterisk/info")
            version = release(msgspec.json.decode(info.body, type=_Info).system.version)
            applications = await _get(http, settings, "applications")
            taken = {app.name for app in msgspec.json.decode(applications.body, type=list[_Named])}
            may_write = await _may_write(http, settings)
        except outage.Outage as fault:
            return [of_sentence(what, fault.reason), Finding("unknown", what, "version, clock and application")]
        except msgspec.MsgspecError as error:
            return [of_sentence(what, outage.not_an_ari(settings, str(error)).reason)]
    return [
        _answers(what, settings, info.seconds, may_write=may_write),
        _version(what, info.body, version),
        _clock(what, info.ahead),
        _link(what, settings, version),
        _application(what, settings, version, running, taken=settings.app in taken),
    ]


def of_development(running: dict[str, Any]) -> list[Finding]:
    """The private Asterisk of a development run, which no configuration names, as the gateway says of it."""
    what = f"asterisk {running['name']}"
    if not running["up"]:
        return [of_sentence(what, str(running["reason"]))]
    text = f"the gateway's own, Asterisk {running['asterisk']}; it has the application {running['app']}, events come"
    return [Finding("ok", what, text)]


async def _get(http: aiohttp.ClientSession, settings: AsteriskSettings, path: str) -> _Answer:
    """GET a path. Raises Outage."""
    answer = await _ask(http, settings, "GET", path)
    if answer.status != HTTPStatus.OK:
        raise outage.refused(settings, answer.status)
    return answer


async def _may_write(http: aiohttp.ClientSession, settings: AsteriskSettings) -> bool:
    """Whether the user may do more than read: Asterisk says so before it looks for what is not there.

    Raises Outage.
    """
    answer = await _ask(http, settings, "DELETE", f"playbacks/aribridge-doctor-{secrets.token_hex(8)}")
    return answer.status != HTTPStatus.FORBIDDEN


async def _ask(http: aiohttp.ClientSession, settings: AsteriskSettings, method: str, path: str) -> _Answer:
    began = time.time()
    try:
        url = URL(f"{settings.url.rstrip('/')}/{path}")
        async with http.request(method, url, allow_redirects=False) as response:
            body, seconds = await response.read(), time.time() - began
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise outage.unreachable(settings, error) from error
    return _Answer(response.status, body, seconds, _ahead(response.headers.get("Date"), began + seconds / 2))


def _ahead(date: str | None, now: float) -> float | None:
    try:
        # The header has whole seconds: half of one is what it is off on average.
        return parsedate_to_datetime(date or "").timestamp() + 0.5 - now
    except ValueError:
        return None


def _answers(what: str, settings: AsteriskSettings, seconds: float, *, may_write: bool) -> Finding:
    if may_write:
        return Finding("ok", what, f"{settings.url} answers as {settings.user} in {seconds * 1000:.0f} ms")
    text = f"its user {settings.user} may only read: commands are refused, and events of calls outside the application"
    return Finding("fail", what, text, "Set read_only = no for it in ari.conf, then: module reload res_ari.so")


def _version(what: str, info: bytes, version: str) -> Finding:
    numbers = as_numbers(version)
    if not numbers or b"cert" in info:
        return Finding("unknown", what, f"whether advisories concern Asterisk {version}", "Compare its release notes.")
    found = advisories(numbers)
    if not found:
        return Finding("ok", what, f"Asterisk {version}, no known advisory about what the gateway uses")
    told = "; ".join(f"{advisory.id}: {advisory.about}" for advisory in found)
    target = ".".join(map(str, max(advisory.mended_for(numbers) for advisory in found)))
    remedy = f"Upgrade to {target} or later; a distribution's package may have the fixes under an older number."
    return Finding("warn", what, f"Asterisk {version} has known advisories: {told}", remedy)


def _clock(what: str, ahead: float | None) -> Finding:
    if ahead is None:
        return Finding("unknown", what, "its clock: it sends no Date", "Compare `date` on both machines.")
    if abs(ahead) <= MOST_APART:
        return Finding("ok", what, "its clock agrees with this machine's")
    text = f"its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    return Finding("warn", what, text, "Have both follow a time server (chrony, systemd-timesyncd): timedatectl")


def _link(what: str, settings: AsteriskSettings, version: str) -> Finding:
    if settings.link == "inbound":
        return Finding("ok", what, "inbound: the gateway opens the event socket")
    if not can_dial(as_numbers(version) or (0,)):
        return of_sentence(what, outage.cannot_dial(settings, version).reason)
    text = (
        "outbound: Asterisk opens the event socket. While the gateway is away it keeps events, without a bound; and it "
        "may crash if the gateway goes away just as it writes one"
    )
    remedy = "Let the gateway be away for seconds only, and stop it when few calls come and go: docs/operations.md"
    return Finding("warn", what, text, remedy)


def _application(
    what: str, settings: AsteriskSettings, version: str, running: dict[str, Any] | None, *, taken: bool
) -> Finding:
    """Whose the application is: the gateway that runs knows, else Asterisk's list has it."""
    if running is not None:
        return _as_told(what, settings, running)
    if not taken:
        return Finding("ok", what, f"the application {settings.app} is free")
    if settings.link == "outbound" or settings.standby:
        return Finding("ok", what, f"the application {settings.app} is registered, as it has to be here")
    remedy = "Stop that one, or give this [[asterisk]] an app of its own; or stand by for it (standby = true)."
    text = f"the application {settings.app} is taken by another client"
    if (as_numbers(version) or (0,))[0] <= KEEPS_APPLICATIONS:
        return Finding("warn", what, f"{text}, or was: Asterisk {version} keeps it until it is restarted", remedy)
    return Finding("fail", what, text, remedy)


def _as_told(what: str, settings: AsteriskSettings, running: dict[str, Any]) -> Finding:
    if running["up"]:
        return Finding("ok", what, f"the gateway that runs has the application {settings.app}, events come")
    if settings.standby and running["standby"]:
        return Finding("ok", what, str(running["reason"]))
    return of_sentence(what, str(running["reason"]))
