"""Hostile load on loopback, bounded in time: well-behaved clients get all answers, and memory stays bounded."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import aiohttp
import psutil
import pytest
from real.gateway import target
from real.wait import until
from real.wsclient import Client, greeted

if TYPE_CHECKING:
    from real.gateway import Gateway, Gateways

    from aribridge.asterisk.instance import PrivateAsterisk

SECONDS = 8.0
HALF_OPEN = 500
GARBLERS = 200
MOST_MIB = 150
GOOD = 5
GARBAGE = (
    "nonsense",
    '{"type":"request","id":true}',
    "[" * 60_000,
    '{"type":"hello","id":1,"token":"x"}',
    "{}" * 30_000,
)


@pytest.fixture
async def gateway(gateways: Gateways, asterisk22: PrivateAsterisk) -> Gateway:
    limits = {"header_seconds": 3.0, "address_connections": 400}
    return await gateways.start(target(asterisk22), limits=limits, webrtc={"handshakes": 100, "connect_seconds": 60.0})


async def half_open(gateway: Gateway, stack: AsyncExitStack) -> list[asyncio.StreamReader]:
    """Connections that begin a request and never end it."""
    readers = []
    for number in range(HALF_OPEN):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        stack.callback(writer.close)
        writer.write(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n"[: number % 30])
        readers.append(reader)
    return readers


def is_cut(reader: asyncio.StreamReader) -> bool:
    """Whether it was closed, or reset, as it is where something that was sent has not been read."""
    return reader.at_eof() or reader.exception() is not None


async def garble(gateway: Gateway, http: aiohttp.ClientSession, number: int) -> int:
    """One connection after the other that sends garbage; how many there were."""
    dice, count = random.Random(number), 0
    while True:
        try:
            async with http.ws_connect(f"{gateway.url}/v1/ws", protocols=["aribridge.v1"]) as ws:
                await ws.send_str(dice.choice(GARBAGE))
                await ws.receive(5)
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass
        count += 1
        await asyncio.sleep(0.05)


async def datagrams(gateway: Gateway) -> None:
    """Empty and foreign datagrams on the UDP port: nothing, STUN cut short, DTLS and noise of nobody's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.setblocking(False)
        while True:
            for first in (b"", b"\x00\x01", b"\x01\x01\x00\x00\x21\x12\xa4\x42", b"\x16\xfe\xff", b"\xff"):
                port.sendto(first + os.urandom(random.randrange(1200)) if first else b"", ("127.0.0.1", gateway.port))
            await asyncio.sleep(0.002)


async def peers(gateway: Gateway, http: aiohttp.ClientSession, offer: str) -> list[int]:
    """Offers whose peers never connect; what they were answered."""
    headers = {"Authorization": f"Bearer {gateway.token(sub='mallory')}", "Content-Type": "application/sdp"}
    statuses = []
    for _ in range(150):
        async with http.post(f"{gateway.url}/v1/rtc", data=offer, headers=headers) as response:
            statuses.append(response.status)
    return statuses


async def slow_poll(gateway: Gateway, http: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
    """A long poll, and a catalogue, that are asked for over and over and never read."""
    token = gateway.token(sub="mallory")
    body = {"janus": "create", "transaction": "t", "token": token}
    async with http.post(f"{gateway.url}/janus", json=body) as response:
        session = (await response.json())["data"]["id"]
    for path in [f"/janus/{session}?maxev=1000&token={token}"] + ["/v1/catalogue/pbx"] * 20:
        port = socket.socket()
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        port.setblocking(False)
        stack.callback(port.close)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(port, ("127.0.0.1", gateway.port))
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        await loop.sock_sendall(port, request.encode() * 10)


async def work(client: Client, until_time: float) -> int:
    """Commands one after the other; how many were answered: all of them, or this fails."""
    count = 0
    while asyncio.get_running_loop().time() < until_time:
        assert (await client.ask(type="request", op="asterisk.ping"))["status"] == 200
        count += 1
    return count


async def test_well_behaved_clients_are_served_beside_all_of_it(gateway: Gateway) -> None:
    process = psutil.Process(gateway.pid)
    async with AsyncExitStack() as stack:
        good = [await stack.enter_async_context(greeted(gateway.url, gateway.token())) for _ in range(GOOD)]
        hostile = aiohttp.TCPConnector(limit=0, local_addr=("127.0.8.1", 0))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=hostile))
        before = process.memory_info().rss
        readers = await half_open(gateway, stack)
        await slow_poll(gateway, http, stack)
        background = [
            asyncio.create_task(datagrams(gateway)),
            *(asyncio.create_task(garble(gateway, http, number)) for number in range(GARBLERS)),
        ]
        try:
            end = asyncio.get_running_loop().time() + SECONDS
            *answered, statuses = await asyncio.gather(
                *(work(client, end) for client in good), peers(gateway, http, OFFER)
            )
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
        grown = (process.memory_info().rss - before) / 2**20
        sys.stdout.write(
            f"{sum(answered)} commands answered, memory grown by {grown:.0f} MiB, offers {Counter(statuses)}\n"
        )
        assert min(answered) > 0
        assert statuses.count(201) <= 100
        assert 429 in statuses
        assert grown < MOST_MIB
        await until(lambda: all(map(is_cut, readers)), what="half-open connections are cut")
        async with greeted(gateway.url, gateway.token()) as late:
            assert (await late.ask(type="request", op="asterisk.ping"))["status"] == 200


OFFER = "\r\n".join(
    [
        *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"),
        *("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd"),
        *("a=ice-pwd:abcdefghijklmnopqrstuvwx", f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}", "a=setup:actpass"),
        *("a=mid:0", "a=sctp-port:5000", "a=max-message-size:262144", ""),
    ]
)
