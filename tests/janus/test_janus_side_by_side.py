"""One script, byte for byte, on the real Janus and here: it calls ARI through socket.http, and one request is slow."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from janus_rig import WITHIN, Caller, RawClient
from real.gateway import target
from real.janus import lua_folder, real_janus
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from real.gateway import Gateways

    from aribridge.asterisk.instance import PrivateAsterisk

SCRIPT = Path(__file__).with_name("ari_bridge_janus.lua")
PACKAGE = "janus.plugin.aribridge.demo"
WHILE = 2.0
"""Seconds in which an answer comes that waits for nobody."""


class SlowServer:
    """A web server that answers when it is told to; ``asked`` are those who wait."""

    url: str

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.go_on = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.add(request.query["who"])
        await self.go_on.wait()
        return web.json_response({"slow": True})


@pytest.fixture
async def slow_server() -> AsyncIterator[SlowServer]:
    server, application = SlowServer(), web.Application()
    application.add_routes([web.get("/slow", server.answer)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slow"
    yield server
    await runner.cleanup()


@pytest.fixture
async def doors(asterisk22: PrivateAsterisk, gateways: Gateways, tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """The real Janus and the gateway, both with the script, by what to say to them."""
    password = asterisk22.password_file.read_text().strip()
    base = asterisk22.ari_url.replace("://", f"://{asterisk22.user}:{password}@")
    lua = {"script": str(SCRIPT), "path": [str(lua_folder())], "config": base, "http_allow": ["127.0.0.1:*"]}
    gateway = await gateways.start(target(asterisk22), janus={"lua": [lua]})
    async with real_janus(tmp_path / "janus", SCRIPT, base) as janus:
        yield {"janus": (janus.url, {}), "here": (gateway.ws_url, {"token": gateway.token()})}


class Talker:
    """A browser of this test: one session, one data channel."""

    def __init__(self, url: str, caller: Caller, channel: Any) -> None:
        self.url = url
        self.caller = caller
        self.channel = channel

    async def ask(self, **request: Any) -> dict[str, Any]:
        """The script's answer."""
        self.channel.send(json.dumps(request))
        try:
            _, text = await asyncio.wait_for(self.caller.heard.get(), WITHIN)
        except TimeoutError:
            pytest.fail(f"{self.url} does not answer {request}")
        return json.loads(text)


@asynccontextmanager
async def talker(url: str, credentials: dict[str, str]) -> AsyncIterator[Talker]:
    async with aiohttp.ClientSession() as http, http.ws_connect(url, protocols=["janus-protocol"]) as ws:
        client, caller = RawClient(ws, credentials), Caller()
        handle = await client.attach(await client.create(), PACKAGE)
        _, opened = await caller.open()
        await client.send("message", **handle, body={}, jsep=await caller.offer())
        event = await client.event("event")
        assert event["plugindata"] == {"plugin": PACKAGE, "data": {"result": "ok"}}
        await caller.accept(event["jsep"])
        yield Talker(url, caller, await asyncio.wait_for(opened, WITHIN))
        await caller.pc.close()


async def test_the_script_calls_ari_on_both(doors: dict[str, Any]) -> None:
    answers = []
    for door in doors.values():
        async with talker(*door) as browser:
            info = await browser.ask(id=1, method="GET", path="/asterisk/info?only=system")
            missing = await browser.ask(id=2, method="GET", path="/channels/nobody")
            answers.append((info["id"], info["status"], info["body"]["system"]["version"], missing["status"]))
    assert answers[0] == answers[1]
    assert answers[0][:2] == (1, 200)
    assert answers[0][3] == 404


@asynccontextmanager
async def held_up(door: tuple[str, dict[str, str]], name: str, slow_server: SlowServer) -> AsyncIterator[Talker]:
    """A second browser, while a request of the first one is under way, which is answered at the end."""
    async with talker(*door) as slow, talker(*door) as quick:
        waiting = asyncio.create_task(slow.ask(id=1, method="GET", url=f"{slow_server.url}?who={name}"))
        await until(lambda: name in slow_server.asked, every=0.01, what="the slow request is there")
        yield quick
        slow_server.go_on.set()
        assert (await waiting)["body"] == {"slow": True}


async def test_one_slow_request_delays_nobody_here_and_everybody_there(
    doors: dict[str, Any], slow_server: SlowServer
) -> None:
    async with held_up(doors["here"], "here", slow_server) as quick:
        for number in range(20):
            assert (await quick.ask(id=number, method="GET", path="/asterisk/ping"))["id"] == number
    slow_server.go_on.clear()
    async with held_up(doors["janus"], "janus", slow_server) as quick:
        asking = asyncio.create_task(quick.ask(id=0, method="GET", path="/asterisk/ping"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asking), WHILE)
        slow_server.go_on.set()
        assert (await asking)["status"] == 200
