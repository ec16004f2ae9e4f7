"""The Janus API over HTTP: requests by POST, events by long poll."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from aribridge.janus.desk import Desk
from aribridge.janus.errors import Code, JanusError, error_reply
from aribridge.janus.long_poll import LongPoll
from aribridge.janus.requests import MAX_ID, Address
from aribridge.janus.wire import MAX_MESSAGE, decode_one, encode, text_of
from aribridge.protocol.problems import Problem

BASE = "/janus"
BODY_SECONDS = 10.0
REPLY_SECONDS = 30.0
POLL_SECONDS = 30.0
MAX_DIGITS = 40
"""Longest id in a path; leading zeros change nothing."""
_END = "{end:/?}"
"""A client whose base address ends with a slash sends one at the end."""


class HttpDoor:
    """Handlers of ``/janus``, ``/janus/<session>`` and ``/janus/<session>/<handle>``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """The routes, for an aiohttp application; answering preflights with CORS headers is left to its middleware."""
        paths = [path + _END for path in (BASE, BASE + "/{session}", BASE + "/{session}/{handle}")]
        return [
            web.get(BASE + "/info" + _END, self._open),
            web.get(BASE + "/ping" + _END, self._open),
            web.get(paths[1], self._poll),
            web.get(paths[2], self._poll_instead),
            *(web.post(path, self._post) for path in paths),
            *(web.options(path, self._options) for path in paths),
        ]

    async def _post(self, request: web.Request) -> web.Response:
        client = _Poster(request)
        try:
            await self._submit(request, client)
            async with asyncio.timeout(REPLY_SECONDS):
                return _json(await client.answer)
        except TimeoutError:
            reason = f"No answer within {REPLY_SECONDS:.0f} s; earlier requests of the handle take long."
            return _json(encode(error_reply(JanusError(Code.UNKNOWN, reason), None)))

    async def _submit(self, request: web.Request, client: _Poster) -> None:
        # The content type is not looked at: navigator.sendBeacon sends text/plain.
        try:
            path = _address(request)
            message = decode_one(await _body(request))
        except JanusError as error:
            self._desk.refuse(error, client)
            return
        await self._desk.learn(message)
        self._desk.submit(message, client, path)

    async def _open(self, request: web.Request) -> web.Response:
        client = _Poster(request)
        name = request.path.rstrip("/").rpartition("/")[2]
        self._desk.submit({"janus": name, "transaction": secrets.token_hex(6)}, client)
        return _json(await client.answer)

    async def _poll(self, request: web.Request) -> web.Response:
        await self._desk.auth.learn(request.query.get("token"))
        try:
            principal = self._desk.authenticate(
                request.remote or "", request.query.get("apisecret"), request.query.get("token")
            )
            session = self._desk.sessions.find(_address(request).session_id, principal)
        except Problem:
            return web.Response(status=403)
        except JanusError:
            return web.Response(status=404)
        if not isinstance(session.source, LongPoll):
            return web.Response(status=404, text="This session is read on a WebSocket; claim it to poll for events.")
        most = _most(request.query.get("maxev", ""))
        events = await session.source.take(session, most, self._hold(), lambda: _is_gone(request))
        session.touch()
        return _json(f"[{','.join(events)}]" if most > 1 else events[0])

    async def _poll_instead(self, request: web.Request) -> web.Response:
        try:
            session = _address(request).session_id
        except JanusError:
            return web.Response(status=404)
        # Relative: a proxy may have put a prefix before the path.
        up = "../.." if request.path.endswith("/") else ".."
        return web.Response(status=302, headers={"Location": f"{up}/{session}"})

    async def _options(self, request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Allow": "GET, POST, OPTIONS"})

    def _hold(self) -> float:
        # A poll is a sign of life at its begin and its end, so it must not outlast the patience in between.
        patience = self._desk.settings.session_seconds
        return min(POLL_SECONDS, patience / 2) if patience > 0 else POLL_SECONDS


class _Poster:
    """The client behind one POST; the events of a session that it makes are polled for."""

    connection = ""

    def __init__(self, request: web.Request) -> None:
        self.address = request.remote or ""
        self.source = LongPoll()
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def reply(self, message: Mapping[str, Any]) -> None:
        """Answer the POST, unless it has given up."""
        text = encode(message)
        if not self.answer.done():
            self.answer.set_result(text)


def _address(request: web.Request) -> Address:
    session, handle = (request.match_info.get(name) for name in ("session", "handle"))
    return Address(
        0 if session is None else _id(session, Code.NO_SESSION),
        0 if handle is None else _id(handle, Code.NO_HANDLE),
    )


def _id(text: str, code: Code) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS and 0 < int(text) <= MAX_ID:
        return int(text)
    raise JanusError(code, f"Not an id: {text[:20]!r}; the path is {BASE}/<session id>/<handle id>.")


async def _body(request: web.Request) -> str:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_chunked(65_536):
                body += chunk
                if len(body) > MAX_MESSAGE:
                    raise JanusError(Code.INVALID_JSON, f"The body is larger than {MAX_MESSAGE} bytes.")
    except TimeoutError:
        raise JanusError(Code.INVALID_JSON, f"The body did not come in {BODY_SECONDS:.0f} s.") from None
    return text_of(body)


def _json(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")


def _most(maxev: str) -> int:
    return max(1, min(int(maxev[:6]), 1000)) if maxev.isascii() and maxev.isdecimal() else 1


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
