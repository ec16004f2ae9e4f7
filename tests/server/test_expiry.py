"""A token that expires while its connection is open: nothing is done by it, and for a while a fresh one saves all."""

import asyncio
import time
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import pytest
from real.gateway import target
from real.peer import connected
from real.wait import until
from real.wsclient import connect, greeted

GRACE = 4.0
LEFT = 4.0
"""Seconds that a token is good for when its connection opens, which takes a moment on a busy machine."""


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


async def side_by_side(gateway, *stories):
    """Each takes as long as the token and the time after it: none waits for another."""
    async with asyncio.TaskGroup() as group:
        for story in stories:
            group.create_task(story(gateway))


async def ping(client):
    return (await client.ask(type="request", method="GET", path="/asterisk/ping"))["status"]


async def until_refused(client):
    async def is_refused():
        return await ping(client) == 401

    await until(is_refused, what="commands are refused")


async def test_a_fresh_token_saves_what_is_open_and_without_one_it_ends_after_a_while(gateway):
    carriers = (websocket, data_channel)
    saved = (partial(a_connection_is_saved, carrier) for carrier in carriers)
    await side_by_side(gateway, *saved, *(partial(a_connection_ends, carrier) for carrier in carriers))

    async def is_left():
        return (await gateway.metrics())["aribridge_webrtc_peers"] == 0

    await until(is_left, what="no peer connection is left")


async def test_a_hello_is_no_way_round_the_end_of_a_token(gateway):
    ends = soon()
    async with connect(gateway.url, bearer=gateway.token(exp=ends)) as client:
        await until(lambda: time.time() > ends, within=60)
        reply = await client.ask(type="hello", subs=[{"sub": 1}])
        assert (reply["status"], reply["error"]["code"]) == (401, "unauthorized")
        welcome = await client.ask(type="hello", token=gateway.token(), subs=[{"sub": 1}])
        assert [one["status"] for one in welcome["subs"]] == [200]


async def test_janus_sessions_end_and_are_saved_alike(gateway):
    await side_by_side(gateway, a_janus_session_is_saved, a_janus_session_ends)


async def a_connection_is_saved(carrier, gateway):
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


async def a_connection_ends(carrier, gateway):
    ends = soon()
    async with carrier(gateway, gateway.token(exp=ends)) as client:
        await until_refused(client)
        reply = await client.ask(type="auth", token=gateway.token(sub="bob"))
        assert reply["error"]["code"] == "unauthorized"
        goodbye = await client.until(lambda seen: seen["type"] == "goodbye")
        assert (goodbye["slug"], goodbye["reconnect"]) == ("token_expired", "reauth")
        assert time.time() >= ends + GRACE - 0.1


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


async def a_janus_session_is_saved(gateway):
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


async def a_janus_session_ends(gateway):
    ends = soon()
    async with janus_session(gateway, gateway.token(exp=ends)) as janus:
        ended = await janus.socket.receive_json(timeout=60)
        assert (ended["janus"], ended["session_id"]) == ("timeout", janus.session["session_id"])
        assert time.time() >= ends + GRACE - 0.1
        assert (await janus.ask("keepalive", token=gateway.token()))["error"]["code"] == 458
