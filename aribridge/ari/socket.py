"""A WebSocket to Asterisk, and a way to send on it that neither waits nor costs a write for each message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

from aribridge.core.websocket_frames import masked_text_frame

if TYPE_CHECKING:
    from aiohttp.http import WebSocketWriter


class AriSocket(aiohttp.ClientWebSocketResponse):
    """aiohttp's, and ``send_soon``."""

    def __init__(self, reader: Any, writer: WebSocketWriter, *args: Any, **kwargs: Any) -> None:
        super().__init__(reader, writer, *args, **kwargs)
        self._transport = writer.transport
        # Of several messages in one TLS record Asterisk sees the first until more arrives: it waits for the file
        # descriptor, past what OpenSSL has read (res/ari/ari_websockets.c).
        self._one_by_one = self._transport.get_extra_info("sslcontext") is not None
        self._frames: list[bytes] = []

    def send_soon(self, text: bytes) -> None:
        """Send a text message; those of one turn of the event loop go in one write at its end, and wake Asterisk once.

        Whoever calls bounds how much waits for a peer that does not read. Raises ClientConnectionResetError.
        """
        if self.closed or self._transport.is_closing():
            raise aiohttp.ClientConnectionResetError("the socket is closed")
        frame = masked_text_frame(text)
        if self._one_by_one:
            self._transport.write(frame)
            return
        if not self._frames:
            asyncio.get_running_loop().call_soon(self._write)
        self._frames.append(frame)

    def _write(self) -> None:
        frames, self._frames = self._frames, []
        if not self._transport.is_closing():
            self._transport.write(b"".join(frames))
