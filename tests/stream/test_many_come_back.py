"""A gateway restarts under a thousand clients: all come back at once, and Asterisk notices one gateway, no more."""

import asyncio
import json
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp
from models.gateway_clients import ari, reads, same
from models.streams import Follower
from real.gateway import target
from real.proxy import faulty_proxy
from real.wait import until

MANY = 1000
# One machine plays them all, with the token of one subject.
CROWD = {"handshakes": 2 * MANY, "address_handshakes": 2 * MANY, "subject_connections": 2 * MANY}
STATES = 20
"""One in so many follows the state, the others events."""
SECONDS = 60.0


class Visitor(Follower):
    """One subscription over two connections; `task` reads while it is connected."""

    def __init__(self, number):
        super().__init__()
        is_state = number % STATES == 0
        self.wish = {"sub": 1, "mode": "state"} if is_state else {"sub": 1, "filter": {"type": ["ChannelUserevent"]}}
        self.task, self.is_here = None, False

    async def visit(self, http, gateway):
        since = {"since": self.position} if self.position else {}
        async with http.ws_connect(f"{gateway.url}/v1/ws", protocols=["aribridge.v1"]) as socket:
            hello = {"type": "hello", "id": 1, "token": gateway.token(), "subs": [self.wish | since]}
            await socket.send_json(hello)
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self.heard(json.loads(message.data), socket)

    async def heard(self, message, socket):
        if message["type"] == "welcome":
            assert message["subs"][0]["status"] == 200, message
            self.begin(message["subs"][0]["body"])
            self.is_here = True
        elif message["type"] == "ping":
            await socket.send_json({"type": "pong", "t": message["t"]})
        else:
            self.take(message)

    def saw(self, name):
        return any(event["eventname"] == name for _, _, event in self.got)


async def come(visitors, gateway, stack):
    """All at the same moment."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=SECONDS)
    http = await stack.enter_async_context(
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
    )
    for visitor in visitors:
        visitor.is_here = False
        visitor.task = asyncio.create_task(visitor.visit(http, gateway))


async def all_live(visitors, call, app, name):
    """Every visitor follows what happens now."""
    await until(lambda: all(one.is_here and not (one.waits or one.page) for one in visitors), within=SECONDS)
    await call("POST", f"/events/user/{name}", application=app)
    events = [one for one in visitors if one.state is None]
    await until(lambda: all(one.saw(name) for one in events), within=SECONDS, what=f"all {len(events)} got {name}")


async def gone(visitors):
    """The gateway's end ended all connections."""
    await asyncio.wait_for(asyncio.gather(*(one.task for one in visitors), return_exceptions=True), SECONDS)


async def is_free(asterisk, app):
    """Asterisk has noticed that the gateway is gone: later, it might take the application from the next one.

    Not by the list of all: Asterisk answers 500 where one goes while it makes that.
    """
    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    url = f"{asterisk.ari_url}/applications/{app}"
    async with aiohttp.ClientSession(headers=headers) as http, http.get(url) as response:
        return response.status == 404


async def test_requests_to_asterisk_do_not_grow_with_the_clients(asterisk22, gateways):
    counts = []
    async with faulty_proxy(urlsplit(asterisk22.ari_url).port) as proxy, ari(asterisk22) as call:
        section = target(asterisk22, url=f"http://127.0.0.1:{proxy.port}/ari")
        gateway = await gateways.start(section, limits=CROWD)
        for many in (1, MANY):
            async with AsyncExitStack() as stack:
                visitors = [Visitor(number) for number in range(1, many + 1)]
                await come(visitors, gateway, stack)
                await all_live(visitors, call, section["app"], f"Before{many}")
                await gateway.kill()
                await gone(visitors)
                await until(lambda: is_free(asterisk22, section["app"]), what="Asterisk has noticed")
                proxy.requests.clear()
                await gateway.start()
                await come(visitors, gateway, stack)
                await all_live(visitors, call, section["app"], f"After{many}")
                counts.append(len(reads(proxy)))
                assert {reason for one in visitors for reason in one.reasons} == {"restarted"}
                assert all(len(one.reasons) == 1 for one in visitors)
                assert all([await same(one, call) for one in visitors if one.state is not None])
                for one in visitors:
                    one.task.cancel()
                await gone(visitors)
    assert counts[1] <= counts[0], (counts, reads(proxy))
