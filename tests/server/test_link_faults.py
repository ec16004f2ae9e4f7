"""How soon each fault between gateway and Asterisk is noticed, what clients are told, and that all is right after it.

The bounds are those of docs/operations.md.
"""

import asyncio
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp
from models.gateway_clients import ari, following
from real.asterisk import fresh_asterisk
from real.gateway import target
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import connect

AT_ONCE = 2.0
SILENT = 17.0
"""A ping after 10 s of silence, 5 s for its answer, and what a busy machine adds."""
REFUSED = 5.0
"""Half of what a command waits for its answer, where there is a link."""
LATE = 20.0
"""What a busy machine may add until a client has read what it was told."""
BACK = 35.0
"""The longest pause of the link, and an attempt that begins just before Asterisk answers again."""
BOUNDS = {"cut": (AT_ONCE, False), "half-open": (SILENT, True), "hung": (SILENT, True), "killed": (AT_ONCE, False)}
"""Seconds until it is noticed, and whether commands meanwhile get no answer."""


class Fault:
    """One target whose link breaks, and the clients that feel it."""

    def __init__(self, gateway, name, call):
        self.gateway, self.name, self.call = gateway, name, call

    async def run(self, inject, mend, *, within, silent=False):
        """Seconds until the fault was told, and until all was right after it was mended."""
        async with (
            following(self.gateway, mode="state", target=self.name) as state,
            following(self.gateway, target=self.name) as events,
            connect(self.gateway.url, bearer=self.gateway.token()) as client,
        ):
            epoch = state.position["epoch"]
            injected = datetime.now(UTC)
            await inject()
            flying = asyncio.create_task(self.fly(client)) if silent else None
            await until(lambda: state.waits and events.waits, within=within + LATE, what=f"{self.name} is noticed")
            noticed = self.noticed_since(injected)
            assert noticed < within
            if flying is not None:
                assert await flying == ("timeout", "unknown")
            await self.is_refused_at_once(client)
            begun = time.monotonic()
            await mend()
            await until(
                lambda: not (state.waits or events.waits or state.page), within=BACK, what=f"{self.name} is back"
            )
            mended = time.monotonic() - begun
            assert state.reasons == events.reasons == ["upstream_lost", "upstream_lost"]
            assert state.position["epoch"] != epoch
            await self.is_right(state, events)
        return noticed, mended

    def noticed_since(self, moment):
        """Seconds until the gateway knew of it, by its own clock."""
        lines = (json.loads(line) for line in self.gateway.log if "link.down" in line)
        times = (datetime.fromisoformat(line["timestamp"]) for line in lines if line["target"] == self.name)
        return min((at - moment).total_seconds() for at in times if at > moment)

    async def fly(self, client):
        """A command that Asterisk does not answer: what its reply says."""
        query = {"endpoint": "Local/600@default"}
        reply = await client.request("POST", "/channels", target=self.name, query=query, timeout_ms=5000)
        return reply["error"]["code"], reply["error"]["outcome"]

    async def is_refused_at_once(self, client):
        asked = time.monotonic()
        error = (await client.request("POST", "/bridges", target=self.name))["error"]
        assert time.monotonic() - asked < REFUSED
        assert (error["code"], error["status"], error["retry"]) == ("target_down", 503, "after")
        assert (error["outcome"], error["after_ms"] > 0) == ("not_applied", True)

    async def is_right(self, state, events):
        """Subscriptions and event filter are there again: a call outside the application is told, and how it ends."""
        channel = f"{self.name}-after"
        query = {"endpoint": "Local/600@default", "context": "default", "extension": "600", "priority": "1"}
        await self.call("POST", f"/channels/{channel}", **query)
        await until(lambda: channel in state.state["channels"], what="a call outside the application is told")
        await self.call("DELETE", f"/channels/{channel}")
        await until(lambda: channel not in state.state["channels"], what="its end is told")
        await until(lambda: "ChannelDestroyed" in story(events, channel), what="its events are told")
        assert {"ChannelCreated", "ChannelDialplan"} <= story(events, channel)
        assert "ChannelVarset" not in story(events)
        application = await self.call("GET", f"/applications/{self.name}")
        assert application["events_disallowed"] == [{"type": "ChannelVarset"}]


def story(events, channel=None):
    """The types of events that were told, of one channel or of all."""
    told = [event for _, _, event in events.got]
    return {event["type"] for event in told if channel in {None, event.get("channel", {}).get("id")}}


async def ready(gateway):
    _, text = await gateway.admin("/readyz")
    return all(one["up"] for one in json.loads(text)["targets"])


def signalled(asterisk, number):
    async def send():
        os.kill(asterisk.pid, number)

    return send


def called(*functions):
    async def call():
        for function in functions:
            function()

    return call


async def test_every_fault_is_noticed_in_bounded_time(gateways):
    await asyncio.gather(every_fault(gateways, "22"), every_fault(gateways, "16"))


async def every_fault(gateways, release):
    async with (
        fresh_asterisk(release) as healthy,
        fresh_asterisk(release) as hung,
        fresh_asterisk(release) as killed,
        faulty_proxy(urlsplit(healthy.ari_url).port) as cut,
        faulty_proxy(urlsplit(healthy.ari_url).port) as half,
        ari(healthy) as call,
        ari(hung) as call_hung,
        ari(killed) as call_killed,
    ):

        def section(asterisk, name, **more):
            return target(asterisk, app=name, name=name, events_disallowed=["ChannelVarset"], **more)

        def behind(proxy, name):
            return section(healthy, name, url=f"http://127.0.0.1:{proxy.port}/ari")

        gateway = await gateways.start(
            behind(cut, "cut"), behind(half, "half-open"), section(hung, "hung"), section(killed, "killed")
        )
        await until(lambda: ready(gateway), what="the calls of all are known")

        def fault(name, on, inject, mend):
            within, silent = BOUNDS[name]
            return Fault(gateway, name, on).run(inject, mend, within=within, silent=silent)

        times = await asyncio.gather(
            # Nobody gets through until it was seen: the gateway is back in less time than a busy machine may take.
            fault("cut", call, called(cut.refuse, cut.drop), called(cut.accept)),
            fault("half-open", call, called(half.freeze), called(half.thaw)),
            fault("hung", call_hung, signalled(hung, signal.SIGSTOP), signalled(hung, signal.SIGCONT)),
            fault("killed", call_killed, killed.kill, killed.start),
        )
        for name, (noticed, mended) in zip(("cut", "half-open", "hung", "killed"), times, strict=True):
            sys.stdout.write(f"Asterisk {release}, {name}: noticed {noticed:.2f} s, right {mended:.2f} s after\n")


async def test_an_event_nested_deeper_than_python_reads_is_left_out(gateways, asterisk22):
    """Any ARI client may send one; Asterisk passes on some two thousand levels."""
    section = target(asterisk22)
    gateway = await gateways.start(section)
    deep = f'{{"variables":{{"ApplicationReplaced":{"[" * 1500}{"]" * 1500}}}}}'
    headers = {
        "Authorization": aiohttp.encode_basic_auth(asterisk22.user, asterisk22.password),
        "Content-Type": "application/json",
    }
    url = f"{asterisk22.ari_url}/events/user"
    app = {"application": section["app"]}
    async with aiohttp.ClientSession(headers=headers) as http, following(gateway) as events:
        for name in ("Deep", "Last"):
            async with http.post(f"{url}/{name}", params=app, data=deep if name == "Deep" else None) as response:
                assert response.status == 204
        await until(lambda: [event for _, _, event in events.got if event.get("eventname") == "Last"], within=30)
        assert events.reasons == []
