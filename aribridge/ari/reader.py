"""The events of one event socket: read from its first moment on, handed on once the link is ready for them."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import TYPE_CHECKING, NoReturn

import aiohttp
import msgspec

from aribridge.ari import outage

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import ClientWebSocketResponse, web

    from aribridge.core.settings import AsteriskSettings

    EventSocket = ClientWebSocketResponse | web.WebSocketResponse

MOST_EARLY = 100_000
"""Events that may come before the link is ready: what Asterisk kept, where it dials in."""
CLOSE_SECONDS = 5.0
QUIET_SECONDS = 0.02
"""Without an event, after which none is expected just then: those of one thing that happens come within less."""
QUIET_TRIES = 50


class _Type(msgspec.Struct):
    type: str = ""
    eventname: str = ""


class Reader:
    """Reads one socket, and does nothing else: Asterisk cuts a reader that is slow.

    ``mark`` is the one event that is not handed on, see `has_mark`.
    """

    def __init__(self, settings: AsteriskSettings, socket: EventSocket, mark: str | None = None) -> None:
        self._settings = settings
        self._socket = socket
        self._early: deque[str] = deque(maxlen=MOST_EARLY)
        self._overrun = False
        self._heard = False
        self._hand_on: Callable[[str], None] | None = None
        self._mark = mark
        self._marked = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> NoReturn:
        """Read to the end of the socket. Raises Outage."""
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(message.data)
        finally:
            self._ended.set()
        raise outage.socket_ended(self._settings, self._socket.close_code, self._socket.exception())

    def hand_on(self, event: Callable[[str], None]) -> None:
        """Give ``event`` what came so far, and from now on each event as it comes."""
        while self._early:
            event(self._early.popleft())
        self._hand_on = event

    async def has_mark(self, seconds: float) -> bool:
        """Whether everything since the mark was set comes on this socket, as far as it shows within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._marked.wait()
        except TimeoutError:
            return False
        return not self._overrun

    async def close(self) -> bool:
        """Ask Asterisk to close the socket, and read all that it sent before; False where that takes too long."""
        await self._quiet()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                going_away = struct.pack("!H", aiohttp.WSCloseCode.GOING_AWAY)
                await self._socket.send_frame(going_away, aiohttp.WSMsgType.CLOSE)
                await self._ended.wait()
        except (TimeoutError, ConnectionError):
            return False
        # Without Asterisk's own close frame the connection was cut, and there may have been more.
        return self._socket.close_code == aiohttp.WSCloseCode.GOING_AWAY

    async def _quiet(self) -> None:
        """Wait for a moment without events, though not for ever.

        An Asterisk that has opened the socket itself puts it aside without a lock, and may crash if it has an event to
        write in just that moment (22.10.1, res/ari/ari_websockets.c): at 3 of 500 closes, after this at 1 of 1,500.
        """
        for _ in range(QUIET_TRIES):
            self._heard = False
            await asyncio.sleep(QUIET_SECONDS)
            if not self._heard:
                return

    def _take(self, text: str) -> None:
        self._heard = True
        if "ApplicationReplaced" in text and _decode(text).type == "ApplicationReplaced":
            raise outage.replaced(self._settings)
        if self._mark is not None and self._mark in text and _decode(text).eventname == self._mark:
            self._marked.set()
            return
        if self._hand_on is not None:
            self._hand_on(text)
            return
        self._overrun = self._overrun or len(self._early) == MOST_EARLY
        self._early.append(text)


def _decode(text: str) -> _Type:
    try:
        return msgspec.json.decode(text, type=_Type)
    except (msgspec.MsgspecError, RecursionError):
        return _Type()
