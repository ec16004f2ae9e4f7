"""A WebSocket as a carrier (RFC 6455), with the frames of the websockets library, which leaves sockets and tasks to us.

aiohttp's own keeps the request, its handler and their tasks for as long as the client stays, and wakes one of these for
each message.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Literal, cast

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from aribridge.core.websocket_frames import text_frame
from aribridge.transport.carrier import CarrierClosed, Receiver
from aribridge.transport.turns import ByTurns, Turns

_MAX_SEND = 65536
_CLOSE_SECONDS = 3.0
_LINGER_SECONDS = 30.0
"""For a client to read what it was sent before the close: who reads a little now and then could take hours for it."""
_HEARTBEAT_SECONDS = 30.0
"""Of silence, after which a client is pinged."""
_PONG_SECONDS = 15.0
_HIGH_MARK = 65536
"""Bytes that may wait in the socket's buffer before a sender waits."""
_REASON = 123

quiet = logging.getLogger("aribridge.transport.websocket")
quiet.setLevel(logging.WARNING)  # the library tells of every end, which the hub does


class WebSocketCarrier(ByTurns):
    """One accepted WebSocket (a ``transport.Carrier``), the protocol of its transport."""

    piece = at_once = 512
    kind: Literal["websocket"] = "websocket"
    ordered = reliable = True
    max_send = _MAX_SEND

    def __init__(self, transport: asyncio.Transport, peer: str, turns: Turns, *, most: int) -> None:
        """A message of more than ``most`` bytes ends it, 1009."""
        super().__init__(turns)
        self.peer = peer
        self._transport = transport
        self._frames = Protocol(SERVER, max_size=most, logger=quiet)
        self._receiver: Receiver | None = None
        self._opcode = Opcode.TEXT
        self._parts: bytearray | None = None
        """What has come of a message in several frames (section 5.4)."""
        self._room: asyncio.Event | None = None
        """While the socket's buffer has none; set when it has again."""
        self._is_on_hold = False
        self._owes_reading = False
        """Its pongs found no room: until it reads them, it is not read either."""
        self._gone: asyncio.Event | None = None
        self._is_alive, self._is_pinged = False, False
        self._beat = asyncio.get_running_loop().call_later(_HEARTBEAT_SECONDS, self._look_for_life)

    def serve(self, receiver: Receiver) -> None:
        """Hand what arrives to the receiver until the socket is closed."""
        self._receiver = receiver

    def hold(self, *, on: bool) -> None:
        """Hand on nothing more, and have the client wait, but for what has been read; or go on."""
        self._is_on_hold = on
        if not on:
            self.go_on()

    # --- transport.Carrier

    def send_now(self, frames: Sequence[str]) -> int:
        """Send as many as there is room for, in one write."""
        self._check()
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
        self._check()
        self._transport.write(text_frame(frame))
        if self._room is not None:
            await self._room.wait()
            self._check()

    async def close(self, code: int, reason: str) -> None:
        """Close with a status code (RFC 6455 7.4) and a reason of at most 123 bytes."""
        try:
            self._frames.send_close(code, reason.encode()[:_REASON].decode(errors="ignore"))
            self._say()
            self._gone = asyncio.Event()
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._gone.wait()
        except (InvalidState, TimeoutError):
            pass
        finally:
            self._hang_up()
            self._tell_end()

    def abort(self) -> None:
        """End it at once; what was not sent is lost."""
        self._transport.abort()

    # --- transport.ByTurns

    def take(self, data: bytes) -> bool:
        """Hand on the messages that are whole."""
        self._is_alive = True
        self._frames.receive_data(data)
        are_welcome = True
        for frame in cast(list[Frame], self._frames.events_received()):
            are_welcome &= self._take(frame)
        self._say()
        if self._frames.eof_sent:
            self._tell_end()
        return are_welcome

    @property
    def is_held(self) -> bool:
        """Whether its receiver has enough, or it reads too little of what it asked for."""
        return self._is_on_hold or self._owes_reading

    # --- asyncio.Protocol

    def pause_writing(self) -> None:
        """More was sent than the client reads."""
        self._room = asyncio.Event()

    def resume_writing(self) -> None:
        """It has read most of it."""
        if self._room is not None:
            self._room.set()
            self._room = None
        self._owes_reading = False
        self.go_on()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone, with or without a goodbye."""
        super().connection_lost(exc)
        self._beat.cancel()
        self._frames.receive_eof()
        for waited in (self._room, self._gone):
            if waited is not None:
                waited.set()
        self._tell_end()

    # --- inside

    def _check(self) -> None:
        if self._frames.state is not OPEN or self._transport.is_closing():
            raise CarrierClosed

    def _take(self, frame: Frame) -> bool:
        """Take a frame; whether it is welcome, as whole messages are that ask for no more than the client may."""
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._opcode = frame.opcode
        elif frame.opcode is Opcode.PONG:
            was_asked, self._is_pinged = self._is_pinged, False
            return was_asked
        elif frame.opcode is not Opcode.CONT:
            return False
        if frame.fin and self._parts is None:
            return self._hand_on(bytes(frame.data))
        # Not bytes: a message of a byte in each frame would be copied a hundred thousand times.
        self._parts = self._parts or bytearray()
        self._parts += frame.data
        if not frame.fin:
            return False
        message, self._parts = bytes(self._parts), None
        return self._hand_on(message)

    def _hand_on(self, message: bytes) -> bool:
        if self._receiver is None:
            return False
        try:
            whole = message.decode() if self._opcode is Opcode.TEXT else message
        except UnicodeDecodeError:
            self._frames.fail(CloseCode.INVALID_DATA, "A text message has to be UTF-8.")
            self._tell_end()
            return False
        return self._receiver.received(whole)

    def _say(self) -> None:
        """Send what the WebSocket protocol itself has to say: pongs, a close, the end."""
        pieces = self._frames.data_to_send()
        if not pieces:
            return
        self._transport.write(b"".join(pieces))
        if self._frames.eof_sent:
            self._hang_up()
        elif self._room is not None:
            self._owes_reading = True

    def _hang_up(self) -> None:
        self._transport.close()
        if self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.abort)

    @property
    def _is_unheard(self) -> bool:
        """Whether it is the gateway that does not read it, so that its pong may have come."""
        return self._is_paused and not self._owes_reading

    def _look_for_life(self) -> None:
        if self._frames.state is not OPEN or self._transport.is_closing():
            return
        if self._is_pinged and not self._is_alive and not self._is_unheard:
            self._transport.abort()
            return
        self._is_pinged, self._is_alive = not self._is_alive, False
        if self._is_pinged:
            self._frames.send_ping(b"")
            self._say()
        seconds = _PONG_SECONDS if self._is_pinged else _HEARTBEAT_SECONDS
        self._beat = asyncio.get_running_loop().call_later(seconds, self._look_for_life)

    def _tell_end(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            said = self._frames.close_rcvd or self._frames.close_sent
            receiver.closed(f"websocket closed ({said.code if said else CloseCode.ABNORMAL_CLOSURE})")
