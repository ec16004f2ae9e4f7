"""A WebSocket as a carrier (RFC 6455), on aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from aiohttp import ClientConnectionResetError, WSMsgType, web

from aribridge.core.websocket_frames import text_frame
from aribridge.transport.carrier import CarrierClosed, Receiver

_MAX_SEND = 65536
_CLOSE_SECONDS = 3.0
_LINGER_SECONDS = 30.0
"""For a client to read what it was sent before the close: who reads a little now and then could take hours for it."""
_HEARTBEAT_SECONDS = 30.0
_HIGH_MARK = 65536
"""Bytes that may wait in the socket's buffer before a sender waits."""
_SLACK = 4
"""How far over the frame limit a message is still read, so that the client hears what was wrong with it."""


class WebSocketCarrier:
    """One accepted WebSocket (a ``transport.Carrier``)."""

    kind: Literal["websocket"] = "websocket"
    ordered = reliable = True
    max_send = _MAX_SEND

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport, peer: str) -> None:
        self._socket = socket
        self._transport = transport
        self.peer = peer

    @property
    def response(self) -> web.StreamResponse:
        """What an aiohttp handler returns in the end."""
        return self._socket

    def send_now(self, frames: Sequence[str]) -> int:
        """Send as many as there is room for, in one write."""
        if self._socket.closed or self._transport.is_closing():
            raise CarrierClosed
        waiting, pieces = self._transport.get_write_buffer_size(), []
        for frame in frames:
            if waiting > _HIGH_MARK:
                break
            pieces.append(text_frame(frame))
            waiting += len(pieces[-1])
        if pieces:
            self._transport.write(b"".join(pieces))
        return len(pieces)

    async def send(self, frame: str) -> None:
        """Send one text message; returns when the socket's buffer has room. Raises CarrierClosed."""
        try:
            await self._socket.send_str(frame)
        except (ClientConnectionResetError, ConnectionError, RuntimeError) as error:
            raise CarrierClosed from error

    async def close(self, code: int, reason: str) -> None:
        """Close with a status code (RFC 6455 7.4) and a reason of at most 123 bytes."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(code=code, message=reason.encode()[:123])
        except (TimeoutError, ConnectionError, RuntimeError):
            pass
        finally:
            if self._transport.get_write_buffer_size():
                asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)

    async def run(self, receiver: Receiver) -> None:
        """Hand what arrives to the receiver until the socket is closed."""
        try:
            async for message in self._socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    receiver.received(message.data)
        finally:
            receiver.closed(_reason(self._socket))


async def accept(request: web.Request, *, protocol: str, frame: int) -> WebSocketCarrier:
    """Accept the upgrade of a request. ``frame`` bounds a message in bytes; far over it the socket is closed, 1009."""
    socket = web.WebSocketResponse(
        protocols=(protocol,),
        max_msg_size=frame * _SLACK,
        heartbeat=_HEARTBEAT_SECONDS,
        timeout=_CLOSE_SECONDS,
        # All browsers offer it (RFC 7692); it would take a compressor of 100 KB and three times the CPU for each.
        compress=False,
    )
    await socket.prepare(request)
    if request.transport is None:
        raise ConnectionResetError("The client left while it was accepted.")
    return WebSocketCarrier(socket, request.transport, request.remote or "")


def _reason(socket: web.WebSocketResponse) -> str:
    return f"websocket closed ({socket.close_code})"
