"""A data channel as a carrier of frames."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

import structlog
from aiortc import InvalidStateError, RTCDataChannel

from aribridge.transport.carrier import CarrierClosed, Receiver

log = structlog.get_logger("aribridge.transport")

MAX_SEND = 65_536
HIGH_MARK = 262_144
"""Bytes waiting to be sent beyond which a sender waits."""
LOW_MARK = 65_536


class DataChannel:
    """One data channel of a peer: a ``Carrier``."""

    kind: Literal["websocket", "datachannel"] = "datachannel"

    def __init__(self, channel: RTCDataChannel, *, peer: str, remote_max: int, flush: Callable[[], None]) -> None:
        self.peer = f"{peer}/{channel.label[:64]}"
        self.label = channel.label
        self.protocol = channel.protocol
        self.ordered = channel.ordered
        self.reliable = channel.maxRetransmits is None and channel.maxPacketLifeTime is None
        self.max_send = min(remote_max or MAX_SEND, MAX_SEND)  # 0 stands for any size
        self._channel = channel
        self._flush = flush
        self._receiver: Receiver | None = None
        self._closed = False
        self._room = asyncio.Event()
        self._room.set()
        channel.bufferedAmountLowThreshold = LOW_MARK
        channel.on("bufferedamountlow", self._room.set)
        channel.on("message", self._take)
        channel.on("close", self._on_close)

    @property
    def id(self) -> int | None:
        """The stream of the association; None until it is opened."""
        return self._channel.id

    def send_now(self, frames: Sequence[str]) -> int:
        """Send as many text messages as there is room for at once; return how many. Raises CarrierClosed."""
        sent = 0
        if self._closed:
            raise CarrierClosed(f"The data channel {self.peer} is closed.")
        for frame in frames:
            if not self._has_room:
                break
            self._put(frame)
            sent += 1
        self._flush()
        return sent

    async def send(self, frame: str) -> None:
        """Send one text message; return when there is room for more. Raises CarrierClosed."""
        await self._send(frame)

    async def send_bytes(self, frame: bytes) -> None:
        """Send one binary message; return when there is room for more. Raises CarrierClosed."""
        await self._send(frame)

    async def close(self, code: int, reason: str) -> None:
        """Close the channel after what was sent; nothing is received from here on. Idempotent; carries no code."""
        self.lose(reason)
        self._channel.close()

    def attach(self, receiver: Receiver) -> None:
        """Say who takes what arrives; until then it is dropped."""
        self._receiver = receiver

    def lose(self, reason: str) -> None:
        """Tell receiver and waiting senders, once, that the channel is gone."""
        if self._closed:
            return
        self._closed = True
        self._room.set()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            try:
                receiver.closed(reason)
            except Exception:
                log.exception("channel.receiver_failed", channel=self.peer)

    async def _send(self, frame: str | bytes) -> None:
        await self._wait_for_room()
        self._put(frame)
        await self._wait_for_room()

    def _put(self, frame: str | bytes) -> None:
        try:
            self._channel.send(frame)
        except InvalidStateError:
            raise CarrierClosed(f"The data channel {self.peer} is not open.") from None
        except ValueError as error:  # it is more than the other side takes: what comes after it would be of no use
            self.lose("Message too large")
            self._channel.close()
            raise CarrierClosed(str(error)) from None

    @property
    def _has_room(self) -> bool:
        return self._channel.bufferedAmount <= HIGH_MARK

    async def _wait_for_room(self) -> None:
        while not self._closed and not self._has_room:
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise CarrierClosed(f"The data channel {self.peer} is closed.")

    def _take(self, message: str | bytes) -> None:
        """Hand a message over. An exception that left here would end the peer's connection."""
        if self._receiver is None:
            return
        try:
            self._receiver.received(message)
        except Exception:
            log.exception("channel.receiver_failed", channel=self.peer)

    def _on_close(self) -> None:
        self.lose("Channel closed")
