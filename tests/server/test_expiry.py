"""A token that expires while its connection is open: nothing is done by it, and for a while a fresh one saves all."""

import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
from real.gateway import target
from real.peer import connected
from real.wait import until
from real.wsclient import greeted

GRACE = 4.0
LEFT = 2.0
"""Seconds that a token is good for when its connection opens."""


@pytest.fixture(scope="module")
async def gateway(asterisk22, tmp_path_factory):
    from real.gateway import Gateways

    gateways = Gateways(tmp_path_factory.mktemp("expiry"))
    limits = {"expiry_seconds": GRACE}
    yield await gateways.start(
        target(asterisk22), auth={"leeway": 0.0}, limits=limits, janus={"session_seconds": 600.0}
    )
    await gateways.stop()


def soon():
    """When a token is to end that is made now; JWT libraries look at whole seconds."""
    return int(time.time() + LEFT + 1)


@asynccontextmanager
async def websocket(gateway, token):
    async with greeted(gateway.url, token) as client:
        yield client


@asynccontextmanager
async def data_channel(gateway, token):
    async with connected(gateway.url, token) as (_, channel):
        yield channel


CARRIERS = {"WebSocket": websocket, "data channel": data_channel}
everyone = pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)


async def ping(client):
    return (await client.ask(type="request", method="GET", path="/asterisk/ping"))["status"]


async def until_refused(client):
    async def is_refused():
        return await ping(client) == 401

    await until(is_refused, what="commands are refused")


@everyone
async def test_a_fresh_token_saves_the_connection_and_its_subscriptions(gateway, carrier):
    ends = soon()
    async with carrier(gateway, gateway.token(exp=ends)) as client:
        assert (await client.ask(type="subscribe", sub=1))["status"] == 200
        await until_refused(client)
        assert time.time() >= ends
        reply = await client.ask(type="subscribe", sub=2)
        assert (reply["error"]["code"], reply["error"]["outcome"]) == ("unauthorized", "not_applied")
        assert "auth" in reply["error"]["detail"]
        assert (await client.ask(type="auth", token=gateway.token()))["status"] == 200
        assert await ping(client) == 200
        await until(lambda: time.time() > ends + GRACE + 0.5, within=60)
        assert await ping(client) == 200
        assert (await client.ask(type="unsubscribe", sub=1))["status"] == 200
        assert not [seen for seen in client.seen if seen["type"] in {"gap", "goodbye"}]


@everyone
async def test_without_one_it_ends_after_a_while(gateway, carrier):
    ends = soon()
    async with carrier(gateway, gateway.token(exp=ends)) as client:
        await until_refused(client)
        reply = await client.ask(type="auth", token=gateway.token(sub="bob"))
        assert reply["error"]["code"] == "unauthorized"
        goodbye = await client.until(lambda seen: seen["type"] == "goodbye")
        assert (goodbye["slug"], goodbye["reconnect"]) == ("token_expired", "reauth")
        assert time.time() >= ends + GRACE - 0.1

    async def is_left():
        return not sum(value for name, value in (await gateway.metrics()).items() if "aribridge_webrtc_peers" in name)

    await until(is_left, what="no peer connection is left")


class Janus:
    """A session of the Janus API on a WebSocket."""

    def __init__(self, socket):
        self.socket = socket
        self.session = {}

    async def ask(self, janus, **fields):
        await self.socket.send_json({"janus": janus, "transaction": "t", **self.session, **fields})
        return await self.socket.receive_json(timeout=30)


@asynccontextmanager
async def janus_session(gateway, token):
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{gateway.url}/janus", protocols=["janus-protocol"]) as socket,
    ):
        janus = Janus(socket)
        janus.session = {"session_id": (await janus.ask("create", token=token))["data"]["id"]}
        yield janus


async def test_a_janus_session_is_saved_by_a_request_with_a_fresh_token(gateway):
    ends = soon()
    token = gateway.token(exp=ends)
    async with janus_session(gateway, token) as janus:

        async def is_refused():
            return (await janus.ask("keepalive", token=token)).get("error", {}).get("code") == 403

        await until(is_refused)
        assert time.time() >= ends
        assert (await janus.ask("keepalive", token=gateway.token()))["janus"] == "ack"
        await until(lambda: time.time() > ends + GRACE + 3, within=60)
        assert (await janus.ask("keepalive", token=gateway.token()))["janus"] == "ack"


async def test_a_janus_session_without_one_ends_after_a_while(gateway):
    ends = soon()
    async with janus_session(gateway, gateway.token(exp=ends)) as janus:
        ended = await janus.socket.receive_json(timeout=60)
        assert (ended["janus"], ended["session_id"]) == ("timeout", janus.session["session_id"])
        assert time.time() >= ends + GRACE - 0.1
        assert (await janus.ask("keepalive", token=gateway.token()))["error"]["code"] == 458
