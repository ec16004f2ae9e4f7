"""POST /v1/rtc: WebRTC signalling over HTTP, after the manner of WHIP (RFC 9725).

The client offers; the channel labelled ``aribridge.v1`` carries protocol v1. The token is checked before a peer
connection is made. PATCH adds candidates, DELETE hangs up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import structlog
from aiohttp import web

from aribridge.auth import Authenticator
from aribridge.core.principal import Principal
from aribridge.core.rates import OFFER
from aribridge.core.settings import Settings
from aribridge.hub import Hub
from aribridge.protocol.problems import Problem
from aribridge.server.bearer import bearer
from aribridge.transport.carrier import Receiver
from aribridge.transport.webrtc import DataChannel, Peer, RtcEngine

log = structlog.get_logger("aribridge.server")

LABEL = "aribridge.v1"
_MOST_BODY = 65536
_BODY_SECONDS = 10.0
_FAREWELL_SECONDS = 5.0
"""For the last word on a channel to arrive, after which its peer may open another."""
_SDP, _JSON, _FRAGMENT = "application/sdp", "application/json", "application/trickle-ice-sdpfrag"


class _Offer(msgspec.Struct, forbid_unknown_fields=True):
    """An RTCSessionDescription as JSON.stringify writes it."""

    type: Literal["offer"]
    sdp: str


class _Session:
    """One peer connection made here, and whose it is (``transport.webrtc.PeerEvents``)."""

    def __init__(self, door: RtcDoor, principal: Principal, address: str) -> None:
        self._door = door
        self.address = address
        self.principal = principal
        self.peer: Peer | None = None
        self._open = 0
        self._farewell: asyncio.TimerHandle | None = None

    def connected(self) -> None:
        """Nothing to do: the data channel is what counts."""

    def channel(self, channel: DataChannel) -> Receiver | None:
        """Take the channel of the protocol; others have no use here."""
        if channel.label != LABEL:
            log.info("rtc.channel_refused", label=channel.label[:64], remedy=f"label the channel {LABEL}")
            return None
        receiver = self._door.hub.accept(channel, self.principal, self.address, self._renew)
        self._open += 1
        return _Watched(receiver, self._channel_ended)

    def _renew(self, principal: Principal) -> None:
        """A fresh token came on a channel; it is the next channel's, too."""
        self.principal = principal

    def _channel_ended(self) -> None:
        """Without a channel of the protocol the peer has no further use, whatever its client keeps it for."""
        self._open -= 1
        self._stop_farewell()
        self._farewell = asyncio.get_running_loop().call_later(_FAREWELL_SECONDS, self._end_unused)

    def _end_unused(self) -> None:
        if self.peer is not None and not self._open:
            self._door.end(self.peer)

    def _stop_farewell(self) -> None:
        if self._farewell is not None:
            self._farewell.cancel()

    def closed(self, reason: str) -> None:
        """Forget the peer."""
        self._stop_farewell()
        log.info("rtc.closed", sub=self.principal.sub, reason=reason)
        self._door.forget(self)


class _Watched:
    """A receiver, and who wants to know of its end."""

    def __init__(self, receiver: Receiver, ended: Callable[[], None]) -> None:
        self.received = receiver.received
        self._receiver = receiver
        self._ended = ended

    def closed(self, reason: str) -> None:
        """Pass it on, then tell."""
        self._receiver.closed(reason)
        self._ended()


class RtcDoor:
    """Native WebRTC signalling."""

    def __init__(self, hub: Hub, authenticator: Authenticator, engine: RtcEngine, settings: Settings) -> None:
        self.hub = hub
        self._authenticator = authenticator
        self._engine = engine
        self._links = list(_links(settings.webrtc.ice_servers))
        self._prefix = urlsplit(settings.server.public_url).path.rstrip("/")
        self._sessions: dict[str, _Session] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """The door's addresses."""
        return [
            web.post("/v1/rtc", self._offer),
            web.patch("/v1/rtc/{id}", self._trickle),
            web.delete("/v1/rtc/{id}", self._hang_up),
        ]

    def forget(self, session: _Session) -> None:
        """The session's peer is gone."""
        if session.peer is not None:
            self._sessions.pop(session.peer.id, None)

    def expel(self, is_revoked: Callable[[Principal], bool]) -> int:
        """Close the peers whose token was revoked; return how many these are."""
        found = [one.peer for one in self._sessions.values() if one.peer is not None and is_revoked(one.principal)]
        for peer in found:
            self.end(peer)
        return len(found)

    def end(self, peer: Peer) -> None:
        """Close a peer, in a task of its own."""
        task = asyncio.create_task(peer.close("Close PC"))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _offer(self, request: web.Request) -> web.Response:
        principal = await bearer(request, self._authenticator, cost=OFFER)
        session = _Session(self, principal, request.remote or "")
        peer = await self._engine.answer(await _offered(request), session)
        session.peer = peer
        self._sessions[peer.id] = session
        try:
            self._authenticator.confirm(principal)  # the offer, and addresses for the answer, took their time
        except Problem:
            self.end(peer)
            raise
        response = _answer(request, peer.sdp)
        response.headers["Location"] = f"{self._prefix}/v1/rtc/{peer.id}"
        for link in self._links:
            response.headers.add("Link", link)
        return response

    async def _trickle(self, request: web.Request) -> web.Response:
        peer = await self._peer(request)
        for candidate in await _candidates(request):
            await peer.add_candidate(candidate)
        return web.Response(status=204)

    async def _hang_up(self, request: web.Request) -> web.Response:
        peer = await self._peer(request)
        await peer.close("Close PC")
        return web.Response(status=200)

    async def _peer(self, request: web.Request) -> Peer:
        """The peer of the address, if it is the caller's own."""
        principal = await bearer(request, self._authenticator)
        session = self._sessions.get(request.match_info["id"])
        own = session is not None and (session.principal.sub, session.principal.tenant) == (
            principal.sub,
            principal.tenant,
        )
        if session is None or session.peer is None or not own:
            raise Problem("not_found", "No such peer connection; it may be closed already.")
        return session.peer


async def _text(request: web.Request) -> str:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await _body(request)
    except TimeoutError:
        raise Problem("bad_message", f"The body did not come in {_BODY_SECONDS:.0f} s.", status=408) from None
    if len(body) > _MOST_BODY:
        raise Problem("frame_too_large", f"The body is larger than {_MOST_BODY} bytes.")
    return body.decode("utf-8", "replace")


async def _body(request: web.Request) -> bytes:
    """The body, or as much of it as shows that it is too large."""
    body = await request.content.read(_MOST_BODY + 1)
    while len(body) <= _MOST_BODY and not request.content.at_eof():
        body += await request.content.read(_MOST_BODY + 1 - len(body))
    return body


async def _offered(request: web.Request) -> str:
    text = await _text(request)
    if request.content_type == _SDP:
        return text
    if request.content_type == _JSON:
        return _description(text)
    raise Problem("unsupported_media_type", f"Send the offer as {_SDP}, or as {_JSON} with type and sdp.")


def _answer(request: web.Request, sdp: str) -> web.Response:
    if request.content_type == _SDP:
        return web.Response(status=201, text=sdp, content_type=_SDP)
    return web.json_response({"type": "answer", "sdp": sdp}, status=201)


async def _candidates(request: web.Request) -> list[dict[str, Any] | None]:
    """Candidates of a PATCH: an SDP fragment (RFC 8840), or a candidate as RTCPeerConnection gives it."""
    text = await _text(request)
    if request.content_type == _FRAGMENT:
        return list(_fragment(text))
    if request.content_type == _JSON:
        return [_object(text)]
    raise Problem("unsupported_media_type", f"Send candidates as {_FRAGMENT} or {_JSON}.")


def _fragment(text: str) -> Iterator[dict[str, Any] | None]:
    mid = "0"
    for line in text.splitlines():
        if line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:").strip()
        elif line.startswith("a=candidate:"):
            yield {"candidate": line.removeprefix("a=").strip(), "sdpMid": mid}
        elif line.startswith("a=end-of-candidates"):
            yield None


def _description(text: str) -> str:
    try:
        return msgspec.json.decode(text, type=_Offer).sdp
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        detail = f'The body is no offer such as {{"type":"offer","sdp":"v=0…"}}: {error}.'
        raise Problem("bad_message", detail) from None


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise Problem("bad_message", "The body is not a JSON object.") from None


def _links(ice_servers: list[dict[str, Any]]) -> Iterator[str]:
    """STUN and TURN servers as Link headers (RFC 9725 4.6)."""
    for server in ice_servers:
        urls = server["urls"] if isinstance(server["urls"], list) else [server["urls"]]
        secret = "".join(
            f"; {name}={_quoted(server[name])}" for name in ("username", "credential") if server.get(name)
        ) + ('; credential-type="password"' if server.get("credential") else "")
        yield from (f'<{url}>; rel="ice-server"{secret}' for url in urls)


def _quoted(text: str) -> str:
    """A quoted-string (RFC 9110 5.6.4)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
