"""The Janus API on a WebSocket, subprotocol ``janus-protocol``."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import WSCloseCode

from aribridge.janus.desk import Desk
from aribridge.janus.errors import JanusError
from aribridge.janus.sessions import Session, Source
from aribridge.janus.wire import decode_all, encode, text_of
from aribridge.transport.carrier import CarrierClosed
from aribridge.transport.websocket import WebSocketCarrier

log = structlog.get_logger("aribridge.janus")

SUBPROTOCOL = "janus-protocol"
SEND_SECONDS = 10.0
IDLE_SECONDS = 60.0
"""How long a connection may stay that has no session: nobody has authenticated on it, or nobody needs it."""
IN_FLIGHT = 64
"""Requests of one connection that may wait for their reply to be sent; until then no more is read."""


class Connection:
    """One client's WebSocket: reads requests; writes replies, then the events of the sessions that are read here."""

    def __init__(self, carrier: WebSocketCarrier, desk: Desk) -> None:
        self.address = carrier.peer
        self.connection = f"j_{secrets.token_hex(6)}"
        self._desk = desk
        self._carrier = carrier
        self._is_gone = False
        self._unread: deque[str | bytes] = deque()
        self._came = asyncio.Event()
        self._notices: deque[str] = deque()
        self._replies: deque[str] = deque()
        self._ready: dict[Session, None] = {}
        self._sessions: set[Session] = set()
        self._something = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._idle: asyncio.Timeout

    @property
    def source(self) -> Source:
        """Sessions made or claimed here are read here."""
        return self

    async def serve(self) -> None:
        """Run until the client leaves, then leave its sessions to whoever claims them."""
        try:
            async with asyncio.timeout(IDLE_SECONDS) as self._idle, asyncio.TaskGroup() as group:
                writer = group.create_task(self._write())
                await self._read()
                writer.cancel()
        except* (CarrierClosed, TimeoutError) as lost:
            log.info("websocket.lost", peer=self.address, error=repr(lost.exceptions[0]))
        finally:
            for session in list(self._sessions):
                self._desk.sessions.lose(session)
            await self._carrier.close(WSCloseCode.OK, "")

    async def close(self) -> None:
        """Say goodbye: the gateway stops."""
        await self._carrier.close(WSCloseCode.GOING_AWAY, "the gateway is stopping")

    def received(self, frame: str | bytes) -> bool:
        """Take a message; what is too much waits in the socket."""
        self._unread.append(frame)
        self._came.set()
        if len(self._unread) >= IN_FLIGHT:
            self._carrier.hold(on=True)
        return True

    def closed(self, reason: str) -> None:
        """The client is gone."""
        self._is_gone = True
        self._came.set()

    def reply(self, message: Mapping[str, Any]) -> None:
        """Send a reply."""
        self._replies.append(encode(message))
        self._something.set()

    def join(self, session: Session) -> None:
        """A session is read here from now on."""
        self._sessions.add(session)
        self._idle.reschedule(None)

    def wake(self, session: Session) -> None:
        """A session has events."""
        self._ready[session] = None
        self._something.set()

    def leave(self, session: Session, notice: str | None = None) -> None:
        """A session is no longer read here."""
        self._sessions.discard(session)
        self._ready.pop(session, None)
        if not self._sessions:
            self._idle.reschedule(asyncio.get_running_loop().time() + IDLE_SECONDS)
        if notice is not None:
            self._notices.append(notice)
            self._something.set()

    async def _read(self) -> None:
        while self._unread or not self._is_gone:
            await self._came.wait()
            self._came.clear()
            while self._unread:
                await self._received(self._unread.popleft())
            self._carrier.hold(on=False)

    async def _received(self, frame: str | bytes) -> None:
        try:
            messages = decode_all(frame if isinstance(frame, str) else text_of(frame))
        except JanusError as error:
            await self._slots.acquire()
            self._desk.refuse(error, self)
            return
        for message in messages:
            await self._slots.acquire()
            await self._desk.learn(message)
            self._desk.submit(message, self)

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._notices or self._replies or self._ready:
                await self._write_next()

    async def _write_next(self) -> None:
        # Replies go before events: the success of a claim before what was kept, an ack before its event.
        if self._notices:
            await self._send(self._notices.popleft())
        elif self._replies:
            await self._send(self._replies.popleft())
            self._slots.release()
        else:
            await self._write_event(next(iter(self._ready)))

    async def _write_event(self, session: Session) -> None:
        del self._ready[session]
        if not session.events:  # all went for newer ones of other sessions
            return
        event = session.events.take()
        try:
            await self._send(event)
        except BaseException:
            session.unsent(event)
            raise
        if session.events and session in self._sessions:
            self._ready[session] = None

    async def _send(self, frame: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._carrier.send(frame)
        except TimeoutError:
            self._carrier.abort()
            raise
