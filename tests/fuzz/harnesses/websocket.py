"""A WebSocket with a hostile client: any bytes in any packets, frames of any kind, breaks of any length.

The socket is left out: what would go out is counted instead, and what is not read waits.
"""

from __future__ import annotations

import asyncio
from struct import pack
from typing import Any

from fuzz.scenes import play, steps

from aribridge.transport.carrier import CarrierClosed
from aribridge.transport.turns import Turns
from aribridge.transport.websocket import WebSocketCarrier

LONGEST = 16_384
SECONDS = 1.0  # 64 steps of 255 frames each
MOST = 4096
CLOSE = 127
"""Bytes of the longest close frame."""
PING = 2
WORDS = "said by the gateway"


class CountingTransport(asyncio.Transport):
    """A socket that sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Any = None
        self.sent = self.brought = 0
        self._waits = b""
        self._is_paused = self._is_closing = self._is_lost = False

    def arrive(self, data: bytes) -> None:
        """The client sends it."""
        self.brought += len(data)
        self._waits += data
        self._read()

    def lose(self) -> None:
        """The client is gone."""
        self._is_closing = True
        if not self._is_lost:
            self._is_lost = True
            self.protocol.connection_lost(None)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        asyncio.get_running_loop().call_soon(self._read)

    def write(self, data: Any) -> None:
        assert not self._is_lost, "uvloop raises"
        self.sent += len(data)

    def close(self) -> None:
        self._is_closing = True
        asyncio.get_running_loop().call_soon(self.lose)

    abort = close

    def _read(self) -> None:
        if self._waits and not (self._is_paused or self._is_closing):
            data, self._waits = self._waits, b""
            self.protocol.data_received(data)


class Receiver:
    """Who takes the messages; every eighth asks for too much."""

    def __init__(self) -> None:
        self.messages = 0
        self.end = ""

    def received(self, frame: str | bytes) -> bool:
        assert not self.end, "a message after the end"
        assert len(frame) <= MOST, "a message over the limit"
        self.messages += 1
        return self.messages % 8 != 0

    def closed(self, reason: str) -> None:
        assert not self.end, "the end is told twice"
        self.end = reason


def try_one(data: bytes) -> None:
    play(_scene(data))


async def _scene(data: bytes) -> None:
    loop, transport, receiver = asyncio.get_running_loop(), CountingTransport(), Receiver()
    carrier = WebSocketCarrier(transport, "192.0.2.1", turns := Turns(loop.time), most=MOST)
    transport.protocol = carrier
    carrier.serve(receiver)
    client = HostileClient(carrier, transport)
    for step, payload in steps(data):
        await client.play(step, payload)
        assert transport.sent <= transport.brought + client.asked + CLOSE, "answers that are longer than what came"
    carrier.hold(on=False)
    await asyncio.sleep(300)
    assert transport.sent <= transport.brought + client.asked + CLOSE + 300 * PING
    transport.lose()
    await asyncio.sleep(1)
    assert receiver.end, "the end was not told"
    assert not turns._waiting, "who is gone waits for a turn"
    assert not turns._resting, "who is gone rests"
    assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()


class HostileClient:
    """What is at the other end, and what the gateway does meanwhile."""

    def __init__(self, carrier: WebSocketCarrier, transport: CountingTransport) -> None:
        self._carrier = carrier
        self._transport = transport
        self.asked = 0
        """Bytes that the gateway sent of itself, at most."""
        self._plays = (
            self._raw, self._frame, self._frames, self._bytes, self._wait, self._hold, self._talk, self._close,
            self._leave,
        )  # fmt: skip

    async def play(self, step: int, payload: bytes) -> None:
        await self._plays[step % len(self._plays)](payload)

    async def _raw(self, payload: bytes) -> None:
        """A packet as it is."""
        self._transport.arrive(payload)

    async def _frame(self, payload: bytes) -> None:
        """One frame, whose length and mask are right: its first byte (opcode, and whether it is the last), content."""
        self._transport.arrive(_framed(payload))

    async def _frames(self, payload: bytes) -> None:
        """Many in one packet: how many, then the frame."""
        self._transport.arrive(_framed(payload[1:]) * sum(payload[:1]))

    async def _bytes(self, payload: bytes) -> None:
        """A frame, a byte in each packet."""
        for byte in _framed(payload[:200]):
            self._transport.arrive(bytes([byte]))
            await asyncio.sleep(0)

    async def _wait(self, payload: bytes) -> None:
        """Time passes, in tenths of a second."""
        self.asked += PING * 3
        await asyncio.sleep(sum(payload[:1]) / 10)

    async def _hold(self, payload: bytes) -> None:
        """The receiver has enough, or no longer."""
        self._carrier.hold(on=bool(sum(payload[:1]) % 2))

    async def _talk(self, payload: bytes) -> None:
        """The gateway says something."""
        self.asked += 2 * (len(WORDS) + 2)
        try:
            self._carrier.send_now([WORDS])
            await self._carrier.send(WORDS)
        except CarrierClosed:
            assert self._carrier._frames.close_sent or self._transport.is_closing()

    async def _close(self, payload: bytes) -> None:
        """The gateway closes it, with any reason."""
        await self._carrier.close(4001, payload.decode(errors="replace"))

    async def _leave(self, payload: bytes) -> None:
        """The client is gone, in the midst of anything."""
        self._transport.lose()


def _framed(payload: bytes) -> bytes:
    size = len(payload) - 1
    if size < 0:
        return b""
    length = pack("!B", 0x80 | size) if size < 126 else pack("!BH", 0x80 | 126, size)
    return payload[:1] + length + bytes(4) + payload[1:]
