"""HTTP to Asterisk: one pool of kept-alive connections for commands, and the upgrade to WebSockets."""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import aiohttp
import msgspec
from yarl import URL

from aribridge.ari.socket import AriSocket
from aribridge.ari.turns import Turns
from aribridge.core.command import Answer
from aribridge.trust import machines_trust, trust

if TYPE_CHECKING:
    import ssl

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

    from aribridge.ari.request import Request
    from aribridge.core.settings import AsteriskSettings

# Asterisk closes connections that were idle for 15 s (session_keep_alive of http.conf).
KEEP_IDLE = 10.0
# A ping after this much silence, then half of it for the pong: a dead event socket is noticed within 15 s.
HEARTBEAT = 10.0
CLOSE_TIMEOUT = 2.0
LONGEST_MESSAGE = 200
GATEWAY = "gateway"
"""The client of what the gateway asks by itself."""

_NONE = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None)

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_HTML_TEXT = re.compile(r"<(title|p)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)


class NoAnswer(Exception):
    """No answer from Asterisk: ``sent`` if the request may have reached it, ``late`` if time ran out."""

    def __init__(self, cause: BaseException, *, sent: bool, late: bool) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.cause = cause
        self.sent = sent
        self.late = late


@dataclass(slots=True)
class _Progress:
    connected: bool = False


class Http:
    """A session with one Asterisk. To be opened and closed in the event loop that uses it."""

    def __init__(self, settings: AsteriskSettings) -> None:
        self._base = settings.url.rstrip("/")
        self._session = _session(settings, settings.connections)
        self._turns = Turns(settings.connections)
        # WebSockets and files take none of the connections for commands.
        self._sockets = _session(settings, 0)

    async def send(self, request: Request, seconds: float, client: str = GATEWAY) -> Answer:
        """Send one request and read the whole answer, any status. Raises NoAnswer.

        ``client`` is for whom; each has a connection by turns when there are too few.
        """
        progress = _Progress()
        try:
            async with asyncio.timeout(seconds), self._turns.turn(client):
                return await self._send(request, progress)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(error, sent=progress.connected, late=isinstance(error, TimeoutError)) from error

    async def _send(self, request: Request, progress: _Progress) -> Answer:
        async with self._session.request(
            request.method,
            URL(self._base + request.target, encoded=True),
            data=request.body,
            headers={"Content-Type": "application/json"} if request.body is not None else None,
            timeout=_NONE,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            return as_answer(response.status, response.content_type, await response.read())

    async def open(self, request: Request, seconds: float) -> ClientResponse:
        """Send a request whose answer may be long; each wait is bounded, not all of it. Raises what aiohttp raises.

        It takes none of the connections for commands. The caller closes it.
        """
        return await self._sockets.request(
            request.method,
            URL(self._base + request.target, encoded=True),
            timeout=aiohttp.ClientTimeout(total=None, connect=seconds, sock_connect=seconds, sock_read=seconds),
            allow_redirects=False,
            # Asterisk closes it after a while, and files are fetched now and then.
            headers={"Connection": "close"},
        )

    async def open_events(self, app: str, seconds: float) -> AriSocket:
        """Open the event socket of an application. Raises what aiohttp raises, or TimeoutError."""
        async with asyncio.timeout(seconds):
            socket = await self._sockets.ws_connect(
                URL(f"{self._base}/events").with_query(app=app),
                protocols=("ari",),
                heartbeat=HEARTBEAT,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
            )
            return cast(AriSocket, socket)  # by the session's ws_response_class

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        await self._sockets.close()


def _session(settings: AsteriskSettings, connections: int) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_IDLE, ssl=tls_context(settings)),
        headers={"Authorization": aiohttp.encode_basic_auth(settings.user, settings.password)},
        middlewares=(_resend_only_reads,),
        trace_configs=[_tracing()],
        cookie_jar=aiohttp.DummyCookieJar(),
        ws_response_class=AriSocket,
    )


def tls_context(settings: AsteriskSettings) -> ssl.SSLContext:
    """The trust for an https URL. Raises ValueError for an unusable file."""
    if not settings.ca_file:
        return machines_trust()
    try:
        return trust(settings.ca_file)
    except OSError as error:
        raise ValueError(
            f"asterisk {settings.name}: ca_file {settings.ca_file} cannot be used ({error.strerror or error}): "
            "it must be a readable PEM file with the CA's certificate"
        ) from error


async def _resend_only_reads(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """A pooled connection that Asterisk had just closed: repeat what only reads, and let aiohttp repeat nothing else.

    aiohttp takes PUT and DELETE for repeatable, but a repeated PUT /endpoints/sendMessage is a second message.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method in _READS:
            return await handler(request)
        raise aiohttp.ClientConnectionError(str(error)) from error


def _tracing() -> aiohttp.TraceConfig:
    """Notes in the request's _Progress that it got a connection: from there on it may have reached Asterisk."""

    async def connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        if context.trace_request_ctx is not None:
            context.trace_request_ctx.connected = True

    config = aiohttp.TraceConfig()
    config.on_connection_create_end.append(connected)
    config.on_connection_reuseconn.append(connected)
    return config


def as_answer(status: int, content_type: str, body: bytes) -> Answer:
    """The answer with that body; one that is not JSON becomes a message in JSON."""
    if body and content_type != "application/json":
        body = msgspec.json.encode({"message": _plain_text(body)})
    return Answer(status, body or None, "application/json" if body else "")


def _plain_text(body: bytes) -> str:
    """The sentence in an error page of Asterisk's HTTP server (or of a proxy's), for a body that is not JSON."""
    text = body.decode(errors="replace")
    parts = [part for _, part in _HTML_TEXT.findall(text) if part.strip()] or [re.sub(r"<[^>]*>", " ", text)]
    return html.unescape(" ".join(": ".join(parts).split()))[:LONGEST_MESSAGE]
