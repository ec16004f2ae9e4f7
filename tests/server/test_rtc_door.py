"""The door for WebRTC signalling by itself: whom it waits for, and how long."""

import asyncio
from types import SimpleNamespace

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from aribridge.core.principal import Principal
from aribridge.core.settings import Settings
from aribridge.server.bearer import CHARGE
from aribridge.server.doors import rtc
from aribridge.server.problems import problems


class Everybody:
    """Lets everybody in."""

    async def learn(self, token):
        pass

    def bearer(self, token):
        return Principal("alice")


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(rtc, "_BODY_SECONDS", 0.1)
    app = web.Application(middlewares=[problems])
    app[CHARGE] = lambda payers, cost: None
    app.add_routes(rtc.RtcDoor(None, Everybody(), SimpleNamespace(answer=None), Settings()).routes())
    come = asyncio.Event()

    async def slow():
        yield b"v=0"
        await come.wait()

    headers = {"Authorization": "Bearer t", "Content-Type": "application/sdp"}
    async with asyncio.timeout(10), TestServer(app) as server, ClientSession() as http:
        async with http.post(server.make_url("/v1/rtc"), data=slow(), headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (408, "bad_message")
        come.set()
