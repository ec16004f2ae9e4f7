"""What the operator does with Asterisk by hand: one request, or a look at the event stream."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from aiohttp import web

from aribridge.core.principal import Principal
from aribridge.hub import Hub, Subscriptions
from aribridge.protocol import encode
from aribridge.protocol.messages import Request, Subscribe
from aribridge.protocol.problems import Problem
from aribridge.server.bodies import read_body

log = structlog.get_logger("aribridge.server")

OPERATOR = Principal("operator", ops=("*",))
"""Whoever may open the socket: the user who runs the gateway."""

_ROOM = 1000
_MOST_BYTES = 1 << 20


class Caller:
    """The operator as scripts see a client (``script.Client``); messages of theirs reach nobody."""

    kind = "operator"
    address = ""
    principal = OPERATOR

    def __init__(self) -> None:
        self.id = f"o_{secrets.token_hex(6)}"

    def send_message(self, data: Any) -> None:
        """Nobody waits for messages."""


class Lines:
    """Frames on their way to a terminal (a ``stream.Sink``): what finds no room waits in the stream's history."""

    def __init__(self) -> None:
        self._frames: deque[str] = deque()
        self._wake = asyncio.Event()
        self.ended = False

    def __bool__(self) -> bool:
        return bool(self._frames)

    @property
    def room(self) -> bool:
        """Whether it takes more."""
        return len(self._frames) < _ROOM

    def put(self, frame: str) -> None:
        """Add a frame."""
        self._frames.append(frame)
        self._wake.set()

    def wake(self) -> None:
        """There is something to read."""
        self._wake.set()

    def give_up(self) -> None:
        """The terminal is too slow even for gaps, or there is nothing more to come."""
        self.ended = True
        self._wake.set()

    async def wait(self) -> None:
        """Until there may be something."""
        await self._wake.wait()
        self._wake.clear()

    def take(self) -> bytes:
        """What there is, each frame on a line."""
        lines = "".join(f"{frame}\n" for frame in self._frames)
        self._frames.clear()
        return lines.encode()


class ByHand:
    """POST /v1/call and GET /v1/tail."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._tails: set[Lines] = set()

    def routes(self) -> list[web.RouteDef]:
        """Addresses and handlers."""
        return [web.post("/v1/call", self._post_call), web.get("/v1/tail", self._get_tail)]

    def end(self) -> None:
        """The gateway stops: end all tails."""
        for lines in self._tails:
            lines.give_up()

    async def _post_call(self, request: web.Request) -> web.Response:
        """200 with the reply of the protocol, whatever its status; 400 with ``error`` for what is no request.

        It goes the way of clients' commands, scripts included, and is logged.
        """
        try:
            fields = await read_body(request, dict[str, Any], self._hub.seats.limits.depth, "The request")
            asked = msgspec.convert({**fields, "type": "request", "id": 0}, Request)
        except Problem as problem:
            return web.json_response({"error": problem.detail}, status=problem.status)
        except msgspec.ValidationError as error:
            return web.json_response({"error": f"This is no request: {error}."}, status=400)
        caller = Caller()
        result = await self._hub.carry_out(caller, OPERATOR, asked)
        about = {"method": asked.method, "path": asked.path, "op": asked.op, "target": asked.target}
        log.info("operator.call", **about, caller=caller.id, status=result.status, outcome=result.outcome)
        return web.Response(text=encode.encode(result.to_reply(0)), content_type="application/json")

    async def _get_tail(self, request: web.Request) -> web.StreamResponse:
        """Messages of the protocol, one a line, from now on until the client leaves or the gateway stops.

        ``target``, ``mode`` and the keys of a filter are those of a subscription. 4xx with ``error``.
        """
        lines = Lines()
        views = self._hub.look(lines, most=_MOST_BYTES)
        try:
            views.open(OPERATOR, _wish(request))
        except Problem as problem:
            return web.json_response({"error": problem.detail}, status=problem.status)
        self._tails.add(lines)
        try:
            response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
            await response.prepare(request)
            with suppress(ConnectionResetError):  # whoever looked has left
                await _write_all(response, lines, views)
            return response
        finally:
            self._tails.discard(lines)
            views.close_all()


async def _write_all(response: web.StreamResponse, lines: Lines, views: Subscriptions) -> None:
    while not lines.ended:
        await lines.wait()
        while views.fill() or lines:
            if text := lines.take():
                await response.write(text)
            # Where nothing passes the filter nothing is written, and everyone else would wait.
            await asyncio.sleep(0)


def _wish(request: web.Request) -> Subscribe:
    """Raises Problem ``bad_message``."""
    query = request.query
    own = {name: query[name] for name in ("target", "mode") if name in query}
    filter_ = {name: query.getall(name) for name in query if name not in own}
    try:
        return msgspec.convert({**own, "filter": filter_, "type": "subscribe", "id": 0, "sub": 1}, Subscribe)
    except msgspec.ValidationError as error:
        raise Problem("bad_message", f"{error}.") from None
