"""One script, byte for byte, on the real Janus and here: it calls ARI through socket.http, and one request is slow."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from janus_rig import Caller, RawClient
from real.gateway import target
from real.janus import lua_folder, real_janus
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from real.gateway import Gateways

    from aribridge.asterisk.instance import PrivateAsterisk

SCRIPT = Path(__file__).with_name("ari_bridge_janus.lua")
PACKAGE = "janus.plugin.aribridge.demo"
SLOW = 5.0


class SlowServer:
    """A web server that takes its time; ``asked`` are those who wait."""

    url: str

    def __init__(self) -> None:
        self.asked: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.add(request.query["who"])
        await asyncio.sleep(SLOW)
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

    async def ask(self, **request: Any) -> tuple[dict[str, Any], float]:
        """The script's answer, and the seconds that it took."""
        asked = time.monotonic()
        self.channel.send(json.dumps(request))
        try:
            _, text = await asyncio.wait_for(self.caller.heard.get(), 2 * SLOW)
        except TimeoutError:
            pytest.fail(f"{self.url} does not answer {request}")
        return json.loads(text), time.monotonic() - asked


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
        yield Talker(url, caller, await asyncio.wait_for(opened, 15))
        await caller.pc.close()


async def test_the_script_calls_ari_on_both(doors: dict[str, Any]) -> None:
    answers = []
    for door in doors.values():
        async with talker(*door) as browser:
            info, _ = await browser.ask(id=1, method="GET", path="/asterisk/info?only=system")
            missing, _ = await browser.ask(id=2, method="GET", path="/channels/nobody")
            answers.append((info["id"], info["status"], info["body"]["system"]["version"], missing["status"]))
    assert answers[0] == answers[1]
    assert answers[0][:2] == (1, 200)
    assert answers[0][3] == 404


async def test_one_slow_request_delays_nobody_here_and_everybody_there(
    doors: dict[str, Any], slow_server: SlowServer
) -> None:
    async def others_wait(name: str) -> float:
        """How long the second browser waits for ARI, while the first one's request takes its time."""
        async with AsyncExitStack() as stack:
            slow, quick = [await stack.enter_async_context(talker(*doors[name])) for _ in range(2)]
            await quick.ask(id=0, method="GET", path="/asterisk/ping")
            waiting = asyncio.create_task(slow.ask(id=1, method="GET", url=f"{slow_server.url}?who={name}"))
            await until(lambda: name in slow_server.asked, every=0.01, what="the slow request is there")
            waits = [(await quick.ask(id=n, method="GET", path="/asterisk/ping"))[1] for n in range(20)]
            answer, took = await waiting
            assert answer["body"] == {"slow": True}
            assert took >= SLOW
            return max(waits)

    there, here = await asyncio.gather(others_wait("janus"), others_wait("here"))
    assert there > SLOW / 2, f"on Janus, everybody waits: {there:.2f} s"
    assert here < SLOW / 5, f"here, nobody does: {here:.2f} s"
