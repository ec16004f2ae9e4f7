"""A client of protocol v1 on WebRTC data channels, played by stock aiortc: `POST /v1/rtc`, JSON."""

from __future__ import annotations

import itertools
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiortc import RTCDataChannel

LABEL = "aribridge.v1"
DEADLINE = 30.0


class Channel:
    """One data channel; replies are found by id, and everything that came is in `seen`."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self.seen: list[dict[str, Any]] = []
        self.close = channel.close
        self._channel = channel
        self._ids = itertools.count(1)
        channel.on("message", lambda text: self.seen.append(json.loads(text)))

    @property
    def state(self) -> str:
        return str(self._channel.readyState)

    async def opened(self) -> Channel:
        """This, once it is open."""
        await until(lambda: self.state == "open", within=DEADLINE, every=0.005)
        return self

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message with a fresh id and return its reply."""
        ident = f"ask-{next(self._ids)}"
        self._channel.send(json.dumps({"id": ident, **message}))
        return await self.until(lambda seen: seen.get("id") == ident)

    async def until(self, wanted: Any) -> dict[str, Any]:
        """The first message that is as wanted, of those that came or are to come."""
        return await until(lambda: next((one for one in self.seen if wanted(one)), None), within=DEADLINE, every=0.005)


class Peer:
    """One peer connection; `id` and `location` as the gateway's answer to the offer has them."""

    location = ""

    def __init__(self) -> None:
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @property
    def id(self) -> str:
        return self.location.rpartition("/")[2]

    async def offer(self) -> str:
        """The offer of data channels, with candidates."""
        await self._pc.setLocalDescription(await self._pc.createOffer())
        return str(self._pc.localDescription.sdp)

    def channel(self, label: str = LABEL) -> Channel:
        """A channel, which opens once the connection is made."""
        return Channel(self._pc.createDataChannel(label))

    async def connect(self, url: str, token: str) -> Channel:
        """Make the connection, and its first channel."""
        channel = self.channel()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{url}/v1/rtc", data=await self.offer()) as response,
        ):
            assert response.status == 201, await response.text()
            self.location = response.headers["Location"]
            await self._pc.setRemoteDescription(RTCSessionDescription(await response.text(), "answer"))
        return await channel.opened()

    async def close(self) -> None:
        await self._pc.close()


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncIterator[tuple[Peer, Channel]]:
    """A peer connection with a channel open."""
    peer = Peer()
    try:
        yield peer, await peer.connect(url, token)
    finally:
        await peer.close()


async def an_offer() -> str:
    """An offer as a client makes it, of a connection that comes to nothing."""
    peer = Peer()
    peer.channel()
    try:
        return await peer.offer()
    finally:
        await peer.close()
