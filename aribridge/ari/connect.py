"""The steps that make a link: who is there, what it can do, which events it is to send."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import aiohttp
import msgspec
import structlog

from aribridge.ari import application, outage, paths
from aribridge.ari.description import INDEX, read_catalogue, resource_paths
from aribridge.ari.http import NoAnswer
from aribridge.ari.request import Request
from aribridge.ari.versions import release

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientWebSocketResponse

    from aribridge.ari.application import Agreed
    from aribridge.ari.catalogue import Catalogue
    from aribridge.ari.http import Http
    from aribridge.core.command import Answer
    from aribridge.core.settings import AsteriskSettings

# A scheme without an id subscribes to all of its kind, also for an application that exists already, for which the
# subscribeAll of the socket is ignored (res/res_stasis.c).
EVERYTHING = ("channel:", "bridge:", "endpoint:")
# Where a socket ends while device states are subscribed to and calls end, Asterisk 22.10.1 locks up after a few times:
# every request about applications or channels hangs until it is restarted (asterisk/asterisk#2170, open; 16 is free of
# it). A gateway cannot choose how its socket ends, so newer ones are not asked for device states.
DEVICE_STATES = "deviceState:"
FIRST_THAT_LOCKS_UP = 20

WATCH = 10.0

log = structlog.get_logger("aribridge.ari")


class _System(msgspec.Struct):
    version: str
    entity_id: str = ""


class _Status(msgspec.Struct):
    startup_time: str = ""


class _Info(msgspec.Struct):
    system: _System
    status: _Status = msgspec.field(default_factory=_Status)


class _Named(msgspec.Struct):
    name: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Version such as ``22.10.1``, the entity id, which tells one Asterisk from another, and when it started."""

    version: str
    entity_id: str
    started: str


async def identify(http: Http, settings: AsteriskSettings) -> Identity:
    """Ask Asterisk who it is. Raises Outage."""
    answer = await _get(http, settings, "/asterisk/info")
    try:
        info = msgspec.json.decode(answer.body or b"", type=_Info)
    except msgspec.MsgspecError as error:
        raise outage.not_an_ari(settings, f"GET /asterisk/info: {error}") from error
    system = info.system
    return Identity(release(system.version), system.entity_id, info.status.startup_time)


async def fetch_catalogue(http: Http, settings: AsteriskSettings) -> Catalogue:
    """Read the API description that this Asterisk serves. Raises Outage."""
    index = await _get(http, settings, INDEX)
    try:
        files = [(path, (await _get(http, settings, path)).body or b"") for path in resource_paths(index.body or b"")]
        return read_catalogue(files)
    except ValueError as error:
        raise outage.not_an_ari(settings, f"its API description is unreadable: {error}") from error


@asynccontextmanager
async def open_socket(http: Http, settings: AsteriskSettings) -> AsyncIterator[ClientWebSocketResponse]:
    """Open the event socket, which registers the application, for the time of the block. Raises Outage."""
    try:
        socket = await http.open_events(settings.app, settings.timeout)
    except aiohttp.WSServerHandshakeError as error:
        raise outage.refused(settings, error.status) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise outage.unreachable(settings, error) from error
    try:
        yield socket
    finally:
        await socket.close()


def sources(identity: Identity) -> tuple[str, ...]:
    """The event sources that make up everything, for this version of Asterisk."""
    major = identity.version.partition(".")[0]
    is_safe = major.isdigit() and int(major) < FIRST_THAT_LOCKS_UP
    return (*EVERYTHING, DEVICE_STATES) if is_safe else EVERYTHING


async def subscribe(http: Http, settings: AsteriskSettings, source: str) -> None:
    """Have the application get the events of a source; a refusal is logged, and the rest goes on. Raises Outage."""
    target = f"{_application(settings)}/subscription?eventSource={source}"
    answer = await _send(http, settings, Request("POST", target))
    if answer.status >= 400:
        log.warning(
            "link.subscription_refused",
            target=settings.name,
            source=source,
            status=answer.status,
            remedy="with 403: set read_only=no for the user in ari.conf",
        )


async def set_filter(http: Http, settings: AsteriskSettings) -> None:
    """Have all events sent but those that are not wanted, whatever was set before. Raises Outage."""
    unwanted = {"disallowed": [{"type": kind} for kind in settings.events_disallowed], "allowed": []}
    request = Request("PUT", f"{_application(settings)}/eventFilter", msgspec.json.encode(unwanted))
    answer = await _send(http, settings, request)
    if answer.status >= 400 and settings.events_disallowed:
        log.warning(
            "link.filter_refused",
            target=settings.name,
            status=answer.status,
            remedy="with 403: set read_only=no for the user in ari.conf; with 404: Asterisk is older than 16.3",
        )


async def confirm(http: Http, settings: AsteriskSettings) -> Agreed:
    """Make sure that the application is there: an earlier socket's end may take it away just after. Raises Outage."""
    return _registered(settings, await _send(http, settings, Request("GET", _application(settings))))


async def watch(http: Http, settings: AsteriskSettings, agreed: Agreed) -> NoReturn:
    """See every while that Asterisk answers, and that the application is as agreed. Raises Outage where not.

    An Asterisk that is locked up inside still answers the pings of the event socket.
    """
    while True:
        await asyncio.sleep(WATCH)
        try:
            answer = await http.send(Request("GET", _application(settings)), settings.timeout)
        except NoAnswer as error:
            # Without a connection for it, ours or Asterisk's may all be in use: the events still come.
            if error.late and error.sent:
                raise outage.unreachable(settings, error.cause) from error
            continue
        if _registered(settings, answer) != agreed:
            raise outage.starved(settings)


async def is_free(http: Http, settings: AsteriskSettings) -> bool:
    """Whether no client has the application. Raises Outage.

    Asterisk may keep an application whose client is gone: while its calls last, and 16 in any case.
    """
    answer = await _get(http, settings, "/applications")
    try:
        return settings.app not in {app.name for app in msgspec.json.decode(answer.body or b"", type=list[_Named])}
    except msgspec.MsgspecError as error:
        raise outage.not_an_ari(settings, f"GET /applications: {error}") from error


def _registered(settings: AsteriskSettings, answer: Answer) -> Agreed:
    if answer.status != 200:
        raise outage.unregistered(settings, answer.status)
    try:
        return application.read(answer.body).agreed()
    except msgspec.MsgspecError as error:
        raise outage.not_an_ari(settings, f"GET /applications/{settings.app}: {error}") from error


def _application(settings: AsteriskSettings) -> str:
    return paths.join(("applications", settings.app))


async def _get(http: Http, settings: AsteriskSettings, target: str) -> Answer:
    answer = await _send(http, settings, Request("GET", target))
    if answer.status != 200:
        raise outage.refused(settings, answer.status)
    return answer


async def _send(http: Http, settings: AsteriskSettings, request: Request) -> Answer:
    try:
        return await http.send(request, settings.timeout)
    except NoAnswer as error:
        raise outage.unreachable(settings, error.cause) from error
