"""WebRTC costs nothing before it is known for whom: hundreds of offers without credentials make no peer connection."""

import asyncio
import socket

import aiohttp
import psutil
import pytest
from real.gateway import target
from real.peer import an_offer, connected
from real.wait import until

OFFERS = 300
AT_ONCE = 30
BAD = {"none": {}, "garbage": {"token": "garbage", "apisecret": "guess"}}


@pytest.fixture(scope="module")
async def gateway(asterisk22, tmp_path_factory):
    """A gateway that takes a port of its own for each peer, so that each can be seen from outside."""
    from real.gateway import Gateways

    gateways = Gateways(tmp_path_factory.mktemp("peers"))
    first = free_range(8)
    yield await gateways.start(
        target(asterisk22), webrtc={"udp": f"{first}-{first + 7}"}, limits={"rate": 1e6, "burst": 1_000_000}
    )
    await gateways.stop()


def free_range(count):
    """The first of so many UDP ports in a row that nobody has."""
    for first in range(41_000, 60_000, count):
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        try:
            for number, one in enumerate(sockets):
                one.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
        return first
    raise AssertionError(f"no {count} free UDP ports in a row")


class Watch:
    """Looks at a gateway from outside for as long as the block lasts: which figures it showed."""

    def __init__(self, gateway):
        self._gateway = gateway
        self.seen = set()

    async def look(self):
        metrics = await self._gateway.metrics()
        held = sum(value for name, value in metrics.items() if name.startswith("aribridge_connections{"))
        sockets = len(psutil.Process(self._gateway.pid).net_connections("udp"))
        figures = (sockets, metrics["aribridge_webrtc_peers"], metrics["aribridge_janus_sessions"], held)
        self.seen.add(figures)
        return figures

    async def __aenter__(self):
        await self.look()
        self._looking = asyncio.create_task(self._look_on())
        return self

    async def __aexit__(self, *_):
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)
        await self.look()

    async def _look_on(self):
        while True:
            await self.look()


async def native(gateway, http, offer, credentials):
    headers = {"Content-Type": "application/sdp"}
    if credentials:
        headers["Authorization"] = f"Bearer {credentials['token']}"
    async with http.post(f"{gateway.url}/v1/rtc", data=offer, headers=headers) as response:
        assert response.status == 401


def janus(path, **message):
    async def ask(gateway, http, offer, credentials):
        body = {"transaction": "t", **message, **credentials}
        if message["janus"] == "message":
            body |= {"body": {"request": "connect"}, "jsep": {"type": "offer", "sdp": offer}}
        async with http.post(f"{gateway.url}/janus{path}", json=body) as response:
            assert (await response.json())["error"]["code"] == 403

    return ask


ASKS = {
    "an offer to /v1/rtc": native,
    "a Janus session": janus("", janus="create"),
    "a Janus handle": janus("/1", janus="attach", plugin="aribridge.plugin.ari"),
    "an offer to a Janus handle": janus("/1/1", janus="message"),
}


@pytest.mark.parametrize("credentials", BAD.values(), ids=BAD)
@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
async def test_offers_of_strangers_make_nothing(gateway, ask, credentials):
    offer = await an_offer()
    async with aiohttp.ClientSession() as http, Watch(gateway) as watch:
        for _ in range(OFFERS // AT_ONCE):
            await asyncio.gather(*(ask(gateway, http, offer, credentials) for _ in range(AT_ONCE)))
    assert len(watch.seen) == 1, watch.seen


async def test_an_offer_with_a_token_is_seen(gateway):
    """So that what is seen above would be seen."""
    watch = Watch(gateway)
    before = await watch.look()
    async with connected(gateway.url, gateway.token()):
        sockets, peers, _, held = await watch.look()
        assert (sockets - before[0], peers, held) == (1, 1, 1)

    async def is_as_before():
        return await watch.look() == before

    await until(is_as_before)
