"""A client that stops reading in a storm of events costs the others nothing and the gateway little."""

import asyncio

import psutil
from models.gateway_clients import ari, following
from models.streams import Follower
from real.gateway import target
from real.wait import until
from real.wsclient import connect

EVENTS = 1000
BYTES = 20_000
LEAD = 80
MB = 1 << 20


async def storm(call, app, reader):
    """As fast as the reader takes it: it is to be the stalled one alone that falls behind the history."""

    async def some(start):
        for number in range(start, EVENTS, 8):
            await until(
                lambda number=number: len(reader.got) > number - LEAD, within=60, every=0.01, what="the reader keeps up"
            )
            variables = {"variables": {"n": str(number), "filler": "x" * BYTES}}
            await call("POST", "/events/user/Storm", variables, application=app)

    await asyncio.gather(*(some(start) for start in range(8)))


async def test_a_client_that_stops_reading(asterisk22, gateways):
    section = target(asterisk22)
    gateway = await gateways.start(section, stream={"history_bytes": 4 * MB})
    async with (
        ari(asterisk22) as call,
        # Without a hello: nobody pings them.
        connect(gateway.url, bearer=gateway.token()) as stalled,
        connect(gateway.url, bearer=gateway.token()) as watcher,
        following(gateway, filter={"type": ["ChannelUserevent"]}) as reader,
    ):
        slow, state = Follower(), Follower()
        slow.begin((await stalled.ask(type="subscribe", sub=1))["body"])
        state.begin((await watcher.ask(type="subscribe", sub=1, mode="state", snapshot="always"))["body"])
        before = psutil.Process(gateway.pid).memory_info().rss
        await storm(call, section["app"], reader)
        await until(lambda: len(reader.got) == EVENTS, within=60, what="the one that reads has everything")
        assert reader.reasons == []
        # What waits for the stalled one, the history, and what Python does not give back.
        grown = psutil.Process(gateway.pid).memory_info().rss - before
        assert grown < 40 * MB, f"{grown / MB:.0f} MB"
        await read(stalled, slow, lambda: slow.reasons)
        assert slow.reasons == ["slow_consumer"]
        assert 0 < len(slow.got) < EVENTS
        await call("POST", "/events/user/Last", application=section["app"])
        await read(stalled, slow, lambda: slow.got[-1][2]["eventname"] == "Last")
        assert slow.reasons == ["slow_consumer"]
        page = await watcher.until(lambda seen: seen["type"] == "snapshot")
        state.take(page)
        assert state.page is None


async def read(client, follower, enough):
    while not enough():
        message = await client.receive()
        if message["type"] in {"event", "gap"}:
            follower.take(message)
