"""The gateway is restarted under load: who resumes misses nothing, and no call notices.

RESTART_CLIENTS, RESTART_COUNT and RESTART_CALLS (a second) make it larger.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec
from models.gateway_clients import ari
from models.streams import Follower
from real.dialling import dialling
from real.wait import until

CLIENTS = int(os.environ.get("RESTART_CLIENTS", "20"))
RESTARTS = int(os.environ.get("RESTART_COUNT", "2"))
CALLS = int(os.environ.get("RESTART_CALLS", "20"))
CALL_SECONDS = 2.0
BETWEEN_SECONDS = 2.0
TYPES = ["ChannelCreated", "ChannelStateChange", "ChannelDestroyed", "Channel*Bridge"]

_decode = msgspec.json.Decoder().decode


class Resuming:
    """A client that comes back whenever it was sent away, and goes on where it was."""

    def __init__(self, gateway, **wish):
        self.follower, self.resumed, self.at = Follower(), 0, 0.0
        self._gateway, self._wish = gateway, wish

    async def run(self):
        while True:
            with suppress(aiohttp.ClientError):
                await self._visit()
            await asyncio.sleep(0.1)

    async def _visit(self):
        bearer = {"Authorization": f"Bearer {self._gateway.token()}"}
        async with (
            aiohttp.ClientSession(headers=bearer) as http,
            http.ws_connect(f"{self._gateway.url}/v1/ws", protocols=["aribridge.v1"]) as socket,
        ):
            await socket.send_json({"type": "hello", "id": 1, "features": ["batch"], "subs": [self._subscription()]})
            async for frame in socket:
                told = _decode(frame.data)
                for message in told if isinstance(told, list) else [told]:
                    self._take(message)
                    if message["type"] == "ping":
                        await socket.send_json({"type": "pong", "t": message["t"]})

    def _subscription(self):
        since = {"since": self.follower.position} if self.follower.position else {}
        return {"sub": 1, **self._wish, **since}

    def _take(self, message):
        if message["type"] == "welcome":
            self._begin(message["subs"][0]["body"])
        elif message["type"] == "ping":
            self.follower.position = message["pos"].get("1", self.follower.position)
        elif message["type"] in {"event", "gap", "patch", "snapshot"}:
            self.follower.take(message)

    def _begin(self, reply):
        before = self.follower.position
        if before is not None:
            assert (reply["mode"], reply["epoch"], reply["seq"]) == ("replay", before["epoch"], before["seq"])
            self.resumed, self.at = self.resumed + 1, time.monotonic()
        self.follower.begin(reply)


class Witness:
    """What Asterisk tells an application of the test's own."""

    def __init__(self):
        self.seen = []

    @asynccontextmanager
    async def watching(self, asterisk):
        headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.ws_connect(f"{asterisk.ari_url}/events", params={"app": "witness"}) as socket,
            ari(asterisk) as ask,
        ):
            for source in ("channel:", "bridge:"):
                await ask("POST", "/applications/witness/subscription", eventSource=source)
            task = asyncio.create_task(self._read(socket))
            yield
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _read(self, socket):
        async for frame in socket:
            self.seen.append(_decode(frame.data))


class Load:
    """Calls that last two seconds; ``cut`` are those that ended before they were hung up."""

    def __init__(self, asterisk):
        self.asterisk, self.made, self.cut, self.over, self.rate = asterisk, 0, [], False, 0.0

    async def run(self, ask):
        calls, started = [], time.monotonic()
        while not self.over:
            calls.append(asyncio.create_task(self._call(ask, f"load-{len(calls)}", len(calls) % 4 == 0)))
            await asyncio.sleep(started + len(calls) / CALLS - time.monotonic())
        await asyncio.gather(*calls)
        self.rate = len(calls) / (time.monotonic() - started)

    async def _call(self, ask, channel, in_application):
        where = {"app": self.asterisk.app} if in_application else {"context": "default", "extension": "600"}
        await ask("POST", "/channels", endpoint="Local/600@default", channelId=channel, **where)
        self.made += 1
        await asyncio.sleep(CALL_SECONDS)
        try:
            await ask("GET", f"/channels/{channel}")
        except AssertionError:
            self.cut.append(channel)
        await ask("DELETE", f"/channels/{channel}")


def essence(event):
    """An event as both are told it."""
    about = event.get("channel", {}).get("id"), event.get("bridge", {}).get("id")
    return event["type"], *about, event["timestamp"], json.dumps(event.get("channel", {}).get("state"))


def wish(number):
    """Of three clients one gets every event, one some of them, and one keeps the state."""
    return ({}, {"filter": {"type": TYPES}}, {"mode": "state"})[number % 3]


async def test_who_resumes_misses_nothing_and_no_call_is_cut(gateways):
    async with dialling() as pbx, asyncio.timeout(60 + 30 * RESTARTS):
        gateway = await pbx.gateway(gateways)
        clients = [Resuming(gateway, **wish(number)) for number in range(CLIENTS)]
        load, witness = Load(pbx.asterisk), Witness()
        reading = [asyncio.create_task(client.run()) for client in clients]
        try:
            await until(lambda: all(client.follower.position for client in clients), what="everyone is connected")
            outages = await under_load(pbx, gateway, clients, load, witness)
            await settled(clients, witness)
        finally:
            for task in reading:
                task.cancel()
            ends = await asyncio.gather(*reading, return_exceptions=True)
            assert {type(end) for end in ends} == {asyncio.CancelledError}, ends
    events = [client for client in clients if client.follower.state is None]
    truth = Counter(essence(event) for event in witness.seen if event["type"] in {"ChannelCreated", "ChannelDestroyed"})
    for client in events:
        got = Counter(essence(data) for _, _, data in client.follower.got if essence(data) in truth)
        assert got == truth
    told = [len(client.follower.got) for client in events]
    print(  # noqa: T201 (the figures, with -s)
        f"{load.made} calls ({load.rate:.1f} a second), {len(load.cut)} cut; "
        f"{sum(told)} events delivered to {len(events)} clients, "
        f"{len(clients)} resumed {RESTARTS} times, gaps {sum(len(client.follower.holes) for client in clients)}; "
        f"seconds from SIGTERM until everyone had resumed: {', '.join(f'{seconds:.1f}' for seconds in outages)}"
    )
    assert [client.resumed for client in clients] == [RESTARTS] * CLIENTS
    assert [hole for client in clients for hole in client.follower.holes] == []
    assert load.cut == []
    assert sum(told) > 0


async def under_load(pbx, gateway, clients, load, witness):
    outages = []
    async with ari(pbx.asterisk) as ask, witness.watching(pbx.asterisk):
        calling = asyncio.create_task(load.run(ask))
        for number in range(1, RESTARTS + 1):
            await asyncio.sleep(BETWEEN_SECONDS)  # the load goes on
            started = time.monotonic()
            await gateway.stop()
            await gateway.start()
            await until(lambda number=number: all(client.resumed == number for client in clients), within=20)
            outages.append(max(client.at for client in clients) - started)
        await asyncio.sleep(BETWEEN_SECONDS)
        load.over = True
        await calling
        await until(lambda: nothing_up(ask), what="every call has ended")
        await until(lambda: all_ended(witness), what="the witness has seen them end")
    return outages


def all_ended(witness):
    kinds = Counter(event["type"] for event in witness.seen)
    return kinds["ChannelCreated"] == kinds["ChannelDestroyed"]


async def nothing_up(ask):
    return await ask("GET", "/channels") == []


def destroyed(events):
    return {event["channel"]["id"] for event in events if event["type"] == "ChannelDestroyed"}


async def settled(clients, witness):
    """Everyone has all: those that keep the state have that of Asterisk, the others have seen every call end."""
    states = [client.follower for client in clients if client.follower.state is not None]
    others = [client.follower for client in clients if client.follower.state is None]
    over = destroyed(witness.seen)
    await until(lambda: all(one.state["channels"] == {} for one in states), within=20)
    await until(lambda: all(destroyed(data for _, _, data in one.got) >= over for one in others), within=20)
    await until(lambda: len({client.follower.position["epoch"] for client in clients}) == 1)
