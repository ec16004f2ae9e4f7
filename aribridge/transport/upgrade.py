"""An HTTP request becomes a WebSocket (RFC 6455 section 4.2): aiohttp takes it, then lets go of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from aiohttp import web
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeaderValue
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from aribridge.protocol.problems import Problem
from aribridge.transport.carrier import Receiver
from aribridge.transport.turns import Turns
from aribridge.transport.websocket import WebSocketCarrier, quiet

if TYPE_CHECKING:
    from aiohttp.http import WebSocketReader

_HANDSHAKE = ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol")


async def accept(
    request: web.Request, receive: Callable[[WebSocketCarrier], Receiver], turns: Turns, *, protocol: str, most: int
) -> web.StreamResponse:
    """Accept the upgrade of a request; return what its handler has to return, at once.

    ``receive`` says who takes what arrives on the carrier, of ``most`` bytes in a message. Raises Problem where the
    request asks for no WebSocket.
    """
    response = _answer(request, protocol)
    await response.prepare(request)
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("The client left while it was accepted.")
    carrier = WebSocketCarrier(transport, request.remote or "", turns, most=most)
    carrier.serve(receive(carrier))
    _hand_over(request, transport, carrier)
    return response


def _answer(request: web.Request, protocol: str) -> web.StreamResponse:
    """Say yes, but decline extensions.

    All browsers offer compression (RFC 7692): an event would be encoded for each of them, by a compressor of 100 KB.
    """
    version = f"HTTP/{request.version.major}.{request.version.minor}"
    try:
        headers = Headers((name, value) for name in _HANDSHAKE for value in request.headers.getall(name, ()))
    except InvalidHeaderValue as error:
        raise Problem("bad_message", f"The WebSocket could not be opened: {error}.") from error
    asked = Request(request.raw_path, headers, request.method, version)
    answer = ServerProtocol(subprotocols=[Subprotocol(protocol)], logger=quiet).accept(asked)
    if answer.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        raise Problem("bad_message", answer.body.decode().partition("\n")[0], status=answer.status_code)
    return web.StreamResponse(status=answer.status_code, headers=list(answer.headers.raw_items()))


def _hand_over(request: web.Request, transport: asyncio.Transport, carrier: WebSocketCarrier) -> None:
    handler = request.protocol
    handler.set_parser(cast("WebSocketReader", _Early(carrier)))
    transport.set_protocol(carrier)
    handler.transport = None  # it would close it
    handler.connection_lost(None)
    transport.resume_reading()


class _Early:
    """Takes what a client sent before it had the answer (as it must not), which aiohttp has kept."""

    def __init__(self, carrier: WebSocketCarrier) -> None:
        self._carrier = carrier

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._carrier.data_received(data)
        return False, b""

    def feed_eof(self) -> None: ...
