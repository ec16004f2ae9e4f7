"""The WebSocket as a carrier, with a real client on a real socket."""

import asyncio
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aribridge.transport import upgrade, websocket
from aribridge.transport.carrier import CarrierClosed
from aribridge.transport.turns import Turns

SIZES = (0, 1, 125, 126, 127, 65_534, 65_535, 65_536)


class Deaf:
    """Takes what arrives, and remembers that it ended."""

    def __init__(self):
        self.ended = asyncio.Event()

    def received(self, frame):
        return True

    def closed(self, reason):
        self.ended.set()


@asynccontextmanager
async def connected(**options):
    """A carrier, its receiver, and the client at its other end."""
    made = asyncio.get_running_loop().create_future()

    def receive(carrier):
        receiver = Deaf()
        made.set_result((carrier, receiver))
        return receiver

    async def accept(request):
        return await upgrade.accept(request, receive, Turns(), protocol="test", most=65_536)

    application = web.Application()
    application.router.add_get("/", accept)
    async with (
        TestServer(application) as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(server.make_url("/"), max_msg_size=0, protocols=["test"], **options) as client,
        asyncio.timeout(30),
    ):
        yield (*await made, client)


async def send(carrier, frames):
    """As the writer does it."""
    for frame in frames[carrier.send_now(frames) :]:
        await carrier.send(frame)


@pytest.mark.parametrize("letter", ["x", "é"])
async def test_messages_of_all_sizes_arrive_whole_and_in_order(letter):
    frames = [letter * size for size in SIZES]
    async with connected() as (carrier, _, client):
        sending = asyncio.create_task(send(carrier, frames))
        assert [await client.receive_str() for _ in frames] == frames
        await sending


async def test_compression_that_a_client_offers_as_browsers_do_is_declined():
    """RFC 7692 section 5.1. A compressor for each client would keep an event from being encoded once for all."""
    async with connected(compress=15) as (carrier, _, client):
        assert not client.compress
        assert carrier.send_now(["at once"]) == 1
        assert await client.receive_str() == "at once"


async def test_what_a_client_does_not_read_is_not_piled_up():
    frames = ["x" * 10_000] * 10_000
    async with connected() as (carrier, _, client):
        taken, written = 1, 0
        while taken:
            written += (taken := carrier.send_now(frames[written:]))
            await asyncio.sleep(0)
        assert 0 < written < len(frames)
        rest = asyncio.create_task(send(carrier, frames[written:]))
        for _ in frames:
            assert len(await client.receive_str()) == 10_000
        await rest


async def test_nothing_is_sent_to_a_client_that_left():
    async with connected() as (carrier, receiver, client):
        await client.close()
        await receiver.ended.wait()
        with pytest.raises(CarrierClosed):
            carrier.send_now(["late"])


async def test_a_client_that_never_reads_does_not_keep_its_socket_when_it_is_closed(monkeypatch):
    """A socket that has something to send is closed once that is read; the kernel's limit is for no reading at all."""
    monkeypatch.setattr(websocket, "_LINGER_SECONDS", 0.1)
    async with connected() as (carrier, receiver, _):
        with suppress(TimeoutError):
            while True:
                await asyncio.wait_for(carrier.send("x" * 65_536), 1)
        await asyncio.gather(carrier.close(4007, "slow_consumer"), return_exceptions=True)
        await receiver.ended.wait()
