"""What the WebRTC tests share: an engine on loopback, recorders of what it tells, and aiortc as the client."""

from __future__ import annotations

import asyncio
import gc
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from real.wait import until

from aribridge.core.settings import WebRtcSettings
from aribridge.transport.webrtc import RtcEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiortc import RTCDataChannel

    from aribridge.transport.webrtc import DataChannel, Peer

DEADLINE = 30.0


class Recorder:
    """A Receiver that keeps what it is told."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.closed_with: list[str] = []

    def received(self, frame: str | bytes) -> bool:
        self.frames.put_nowait(frame)
        return True

    def closed(self, reason: str) -> None:
        self.closed_with.append(reason)

    async def next(self) -> str | bytes:
        return await asyncio.wait_for(self.frames.get(), DEADLINE)


class Events:
    """PeerEvents that keep what they are told, and take every channel."""

    address = "127.0.0.1"

    def __init__(self) -> None:
        self.connections = 0
        self.channels: list[DataChannel] = []
        self.receivers: list[Recorder] = []
        self.reasons: list[str] = []

    def connected(self) -> None:
        self.connections += 1

    def channel(self, channel: DataChannel) -> Recorder | None:
        self.channels.append(channel)
        self.receivers.append(Recorder())
        return self.receivers[-1]

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)

    async def opened(self, count: int = 1) -> DataChannel:
        """Wait until that many channels were opened; the last one."""
        await until(lambda: len(self.channels) >= count, every=0.005)
        return self.channels[count - 1]

    async def reason(self, within: float = DEADLINE) -> str:
        """Wait for the end."""
        await until(lambda: self.reasons, every=0.005, within=within)
        return self.reasons[0]


class EchoEvents(Events):
    """Sends every message back on the channel that it came by."""

    def __init__(self) -> None:
        super().__init__()
        self.sending: set[asyncio.Task[None]] = set()

    def channel(self, channel: DataChannel) -> Recorder:
        self.channels.append(channel)
        self.receivers.append(Echo(self, channel))
        return self.receivers[-1]


class Echo(Recorder):
    def __init__(self, events: EchoEvents, channel: DataChannel) -> None:
        super().__init__()
        self._events = events
        self._channel = channel

    def received(self, frame: str | bytes) -> bool:
        super().received(frame)
        sending = self._channel.send(frame) if isinstance(frame, str) else self._channel.send_bytes(frame)
        task = asyncio.ensure_future(sending)
        self._events.sending.add(task)
        task.add_done_callback(self._events.sending.discard)
        return True


class Client:
    """A browser's part, played by stock aiortc."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.inbox: dict[str, asyncio.Queue[Any]] = {}

    def create(self, label: str, **options: Any) -> RTCDataChannel:
        """Create a channel, whose messages go to ``inbox[label]``."""
        return self.watch(self.pc.createDataChannel(label, **options))

    def watch(self, channel: RTCDataChannel) -> RTCDataChannel:
        self.inbox[channel.label] = asyncio.Queue()
        channel.on("message", self.inbox[channel.label].put_nowait)
        return channel

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def take_answer(self, sdp: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def answer(self, sdp: str) -> str:
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return self.pc.localDescription.sdp

    async def next(self, label: str) -> Any:
        return await asyncio.wait_for(self.inbox[label].get(), DEADLINE)

    async def open(self, channel: RTCDataChannel) -> RTCDataChannel:
        await until(lambda: channel.readyState == "open", every=0.005)
        return channel

    def vanish(self) -> None:
        """Fall silent, as a killed browser does: nothing is sent any more, and nothing is read."""
        for protocol in self.pc.sctp.transport.transport._connection._protocols:
            protocol.send_stun = lambda *_: None
            protocol.transport.abort()


@asynccontextmanager
async def engine(frame: int = 65536, **settings: Any) -> AsyncIterator[RtcEngine]:
    """A started engine on a free port of loopback; no task or callback of it may fail unseen."""
    failures: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, failure: failures.append(failure))
    running = RtcEngine(WebRtcSettings(**settings), frame=frame, default_address=("127.0.0.1", 0))
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
        await asyncio.sleep(0)
        gc.collect()
        loop.set_exception_handler(None)
    assert failures == []


@asynccontextmanager
async def connected(
    rtc: RtcEngine, events: Events, *labels: str, **options: Any
) -> AsyncIterator[tuple[Client, Peer, list[RTCDataChannel]]]:
    """A client with open channels of these labels, and our peer for it."""
    client = Client()
    try:
        channels = [client.create(label, **options) for label in labels or ("one",)]
        peer = await rtc.answer(await client.offer(), events)
        await client.take_answer(peer.sdp)
        for channel in channels:
            await client.open(channel)
        await events.opened(len(channels))
        yield client, peer, channels
    finally:
        await client.pc.close()


def without_candidates(sdp: str) -> str:
    """An offer as a browser makes it that does not wait for candidates."""
    return re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", sdp)


def candidates(sdp: str) -> list[str]:
    """The a=candidate values of a description."""
    return re.findall(r"a=(candidate:.*)\r\n", sdp)


def agent(client: Client):
    """The ICE agent of a client."""
    return client.pc.sctp.transport.transport._connection


async def echoes(client: Client, channel) -> bool:
    channel.send("still here")
    return await client.next("one") == "still here"
