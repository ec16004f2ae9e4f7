"""The two carriers, seen alike: `send` an object, `receive` text, and say when it is over."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from contextlib import asynccontextmanager, suppress

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

OPEN_SECONDS = 20.0
CLOSE_SECONDS = 5.0
LABEL = "aribridge.v1"


class WireClosed(Exception):
    """The other side is gone; the text says how one knows."""


class SocketWire:
    """A WebSocket. What is not received waits in the network: it can be read slowly."""

    def __init__(self, connection) -> None:
        self._connection = connection

    async def send(self, message) -> None:
        try:
            await self._connection.send_str(json.dumps(message))
        except (aiohttp.ClientError, OSError) as error:
            raise WireClosed(repr(error)) from error

    async def receive(self) -> str:
        message = await self._connection.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise WireClosed(f"close code {self._connection.close_code}")
        return message.data


class ChannelWire:
    """A data channel of a peer connection that stock aiortc makes."""

    def __init__(self, channel) -> None:
        self._channel = channel
        self._arrived: asyncio.Queue[str | None] = asyncio.Queue()
        channel.on("message", self._arrived.put_nowait)
        channel.on("close", lambda: self._arrived.put_nowait(None))

    async def send(self, message) -> None:
        if self._channel.readyState != "open":
            raise WireClosed("channel closed")
        self._channel.send(json.dumps(message))

    async def receive(self) -> str:
        text = await self._arrived.get()
        if text is None:
            raise WireClosed("channel closed")
        return text


def narrow_socket(address):
    """A TCP socket with room for little, so that what a slow client does not read stays with the gateway."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    # The sender's kernel keeps room for some segments, which on loopback are large.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
    return made


@asynccontextmanager
async def websocket(gateway, *, is_narrow):
    """A WebSocket that has yet to say hello."""
    connector = aiohttp.TCPConnector(socket_factory=narrow_socket if is_narrow else None)
    async with aiohttp.ClientSession(connector=connector) as http:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                connection = await http.ws_connect(f"{gateway.url}/v1/ws", protocols=["aribridge.v1"], compress=15)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise WireClosed(repr(error)) from error
        try:
            yield SocketWire(connection)
        finally:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.close()


@asynccontextmanager
async def data_channel(gateway, relay):
    """A data channel whose packets all go through the relay: neither side learns of another way."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        channel = pc.createDataChannel(LABEL)
        wire, is_open = ChannelWire(channel), asyncio.Event()
        channel.on("open", is_open.set)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await _negotiate(pc, gateway, relay)
                await is_open.wait()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise WireClosed(repr(error)) from error
        yield wire
    finally:
        await pc.close()


async def _negotiate(pc, gateway, relay) -> None:
    await pc.setLocalDescription(await pc.createOffer())
    offer = re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", pc.localDescription.sdp)
    headers = {"Authorization": f"Bearer {gateway.token()}", "Content-Type": "application/sdp"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{gateway.url}/v1/rtc", data=offer, headers=headers) as answer,
    ):
        answer.raise_for_status()
        sdp = (await answer.text()).replace(f" {gateway.port} typ host", f" {relay.port} typ host")
    await pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
