"""Clients of a real gateway that check what they get, and Asterisk's own ARI beside it."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
from models.streams import Follower
from real.wait import until
from real.wsclient import greeted


@asynccontextmanager
async def ari(asterisk):
    """Asterisk's own ARI, past the gateway."""
    auth = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    async with aiohttp.ClientSession(headers=auth, connector=aiohttp.TCPConnector(limit=8)) as http:

        async def call(method, path, body=None, **query):
            async with http.request(method, asterisk.ari_url + path, params=query, json=body) as response:
                assert response.status < 400 or method == "DELETE", (path, await response.text())
                return await response.json() if response.status == 200 else None

        yield call


async def inside_application(call, ident):
    """Wait for it: an originate is answered earlier, and hung up where the application is gone before."""

    async def is_inside():
        return (await call("GET", f"/channels/{ident}"))["dialplan"]["app_name"] == "Stasis"

    await until(is_inside, what=f"{ident} is in the application")


async def end_all(call):
    """End every call, and wait until it is over."""
    for channel in await call("GET", "/channels"):
        await call("DELETE", f"/channels/{channel['id']}")

    async def is_quiet():
        return not await call("GET", "/channels")

    await until(is_quiet, what="no call is left")


def reads(proxy):
    """Requests to Asterisk, but for the look every few seconds at whether it is well, and for lanes."""
    return [line for line in proxy.requests if b"GET /ari/applications/" not in line and b"-lane-" not in line]


class Reader:
    """Follows one subscription on a WebSocket."""

    def __init__(self, client, body):
        self.client, self.follower = client, Follower()
        self.follower.begin(body)

    async def read(self):
        async for message in self.client.socket:
            data = json.loads(message.data)
            for one in data if isinstance(data, list) else [data]:
                if one["type"] == "ping":
                    await self.client.send({"type": "pong", "t": one["t"]})
                elif one["type"] in {"event", "gap", "patch", "snapshot"}:
                    self.follower.take(one)


@asynccontextmanager
async def following(gateway, follower=None, **subscribe):
    """A client that reads all the time; its follower."""
    async with greeted(gateway.url, gateway.token()) as client:
        reply = await client.ask(type="subscribe", sub=1, **subscribe)
        assert reply["status"] == 200, reply
        reader = Reader(client, reply["body"])
        if follower is not None:
            reader.follower = follower
            follower.begin(reply["body"])
        for message in client.seen:
            if message["type"] in {"event", "gap", "patch", "snapshot"}:
                reader.follower.take(message)
        task = asyncio.create_task(reader.read())
        try:
            await until(lambda: not reader.follower.page, what="the snapshot, if there is to be one, is whole")
            yield reader.follower
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def truth(call):
    """Asterisk's own state, as far as it is promised to be that of clients."""
    channels, bridges, endpoints = [await call("GET", path) for path in ("/channels", "/bridges", "/endpoints")]
    return {
        "channels": {one["id"]: [one["state"], one["caller"], one["connected"]] for one in channels},
        "bridges": {one["id"]: sorted(one["channels"]) for one in bridges},
        "endpoints": {f"{one['technology']}/{one['resource']}": one.get("state") for one in endpoints},
    }


def told(state):
    """The same of a client's state."""
    return {
        "channels": {i: [one["state"], one["caller"], one["connected"]] for i, one in state["channels"].items()},
        "bridges": {i: sorted(one["channels"]) for i, one in state["bridges"].items()},
        "endpoints": {i: one.get("state") for i, one in state["endpoints"].items()},
    }


async def same(follower, call):
    real = await truth(call)
    return told(follower.state) == real
