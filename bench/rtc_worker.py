"""One side of data channels, as a process of its own: `python -m bench.rtc_worker fast|stock LOSS UDP`.

Reads one JSON object a line and answers each with one: what to do is a method below, its arguments are the keys.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from typing import Any

import psutil
import uvloop

from aribridge.core.settings import LimitSettings, LogSettings, WebRtcSettings
from aribridge.hub.writer import Writer
from aribridge.obs.logging import configure
from aribridge.transport.webrtc import DataChannel, Peer, RtcEngine
from aribridge.transport.webrtc.udp import UdpPort

STALL = 60.0
_DTLS_DATA = 23


class Receiver:
    """Counts what comes, or sends it back."""

    def __init__(self, worker: Worker, channel: DataChannel) -> None:
        self._worker = worker
        self._channel = channel

    def received(self, frame: str | bytes) -> bool:
        self._worker.received += len(json.loads(frame)) if frame[0] == "[" else 1
        if frame[0] == "e":
            # Not by a task: this is about the channel. Marked, or it would be sent to and fro for ever.
            self._channel._channel.send("r" + frame[1:])
        if self._worker.received == self._worker.expected:
            self._worker.complete.set()
        return True

    def closed(self, reason: str) -> None:
        pass


class Worker:
    """Peers and what is asked of them."""

    address = "127.0.0.1"

    def __init__(self, rtc: RtcEngine) -> None:
        self._rtc = rtc
        self._peers: dict[str, Peer] = {}
        self.channels: list[DataChannel] = []
        self.received = 0
        self.expected = -1
        self.complete = asyncio.Event()
        self._opened = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []

    # PeerEvents

    def connected(self) -> None:
        pass

    def channel(self, channel: DataChannel) -> Receiver:
        self.channels.append(channel)
        self._opened.set()
        return Receiver(self, channel)

    def closed(self, reason: str) -> None:
        if reason != "Gateway stopped":
            print(f"a peer is closed: {reason}", file=sys.stderr)

    # what can be asked

    async def offer(self) -> dict[str, Any]:
        peer = await self._rtc.offer(self, label="bench")
        self._peers[peer.id] = peer
        return {"peer": peer.id, "sdp": peer.sdp}

    async def answer(self, sdp: str) -> dict[str, Any]:
        return {"sdp": (await self._rtc.answer(sdp, self)).sdp}

    async def accept(self, peer: str, sdp: str) -> dict[str, Any]:
        await self._peers[peer].accept_answer(sdp)
        return {}

    async def opened(self, count: int) -> dict[str, Any]:
        async with asyncio.timeout(STALL):
            while len(self.channels) < count:
                self._opened.clear()
                await self._opened.wait()
        return {}

    async def expect(self, count: int) -> dict[str, Any]:
        """From now on, so many messages."""
        self.received, self.expected = 0, count
        self.complete.clear()
        return {}

    async def wait(self) -> dict[str, Any]:
        async with asyncio.timeout(STALL):
            await self.complete.wait()
        return {}

    async def usage(self) -> dict[str, Any]:
        """CPU seconds and resident kilobytes."""
        return {"cpu": time.process_time(), "kb": psutil.Process().memory_info().rss / 1024}

    async def flood(self, size: int, count: int) -> dict[str, Any]:
        """Send on the first channel, as fast as it takes them."""
        for _ in range(count):
            await self.channels[0].send("x" * size)
        return {}

    async def ping(self, size: int, count: int) -> dict[str, Any]:
        """Round trips in milliseconds, one at a time."""
        times = []
        for _ in range(count):
            self.received, self.expected = 0, 1
            self.complete.clear()
            began = time.perf_counter()
            await self.channels[0].send("e" * size)
            await asyncio.wait_for(self.complete.wait(), STALL)
            times.append(1000 * (time.perf_counter() - began))
        return {"times": times}

    async def fan_out(self, size: int, events: int, pause: float) -> dict[str, Any]:
        """Send each event to all channels."""
        for number in range(events):
            for channel in self.channels:
                await channel.send("x" * size)
            if pause or number % 10 == 9:
                await asyncio.sleep(pause)
        return {}

    async def tell(self, size: int, turns: int, events: int, *, batch: bool) -> dict[str, Any]:
        """Have the hub's writer tell events to each channel, several in a turn."""
        writers = [Writer(channel, LimitSettings(), lambda: False, self.complete.set) for channel in self.channels]
        self._running += [asyncio.create_task(writer.run()) for writer in writers]
        event = json.dumps({"type": "event", "data": "x" * size})
        for writer in writers:
            writer.batch = batch
        for _ in range(turns):
            for writer in writers:
                for _ in range(events):
                    writer.put(event)
            await asyncio.sleep(0.02)
        return {}

    async def stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


def lose_some(loss: float) -> None:
    """Make our sockets lose data with a probability: STUN and handshakes are not what is measured."""
    dice, send = random.Random(1), UdpPort.send

    def faulty_send(port: UdpPort, data: bytes, address: tuple[str, int]) -> None:
        if data[0] != _DTLS_DATA or dice.random() >= loss:
            send(port, data, address)

    UdpPort.send = faulty_send  # type: ignore[method-assign]
    UdpPort._send_run = lambda *_: False  # type: ignore[method-assign] # each datagram by itself


async def main(kind: str, loss: float, udp: str) -> None:
    configure(LogSettings(level="error"), sys.stderr)
    if loss:
        lose_some(loss)
    rtc = RtcEngine(WebRtcSettings(fast_path=kind == "fast", udp=udp), frame=65_536, default_address=("127.0.0.1", 0))
    await rtc.start()
    worker = Worker(rtc)
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        answer = await getattr(worker, request.pop("do"))(**request)
        print(json.dumps(answer), flush=True)
    await worker.stop()
    await rtc.stop()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
