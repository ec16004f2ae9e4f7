"""What an admin pastes into a running Asterisk that knew nothing of the gateway makes it serve the gateway."""

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from real.wait import until

from aribridge.asterisk import process
from aribridge.asterisk.configuration import Settings, free_port, write
from aribridge.asterisk.install import Release, install
from aribridge.asterisk.installation import Installation
from aribridge.asterisk.snippets import Snippet, modules, reload_commands, snippets, undo

PASTED = ("http.conf", "ari.conf", "extensions.conf")
BARE_MODULES = """[modules]
autoload = no
load = pbx_config.so
load = res_timing_timerfd.so
load = app_echo.so
"""


class SomeonesPbx:
    """A running Asterisk that was not configured for ARI: its console, and the folder of its configuration."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.etc = folder / "etc"
        self.version = installation.version
        self._folder = folder
        self.program = (*installation.command, "-C", str(self.etc / "asterisk.conf"))

    async def cli(self, command: str) -> str:
        return await process.run((*self.program, "-rx", command), self._folder, 15)

    def paste(self, *pasted: Snippet) -> None:
        for snippet in pasted:
            with (self.etc / snippet.file).open("a") as file:
                file.write(snippet.text)


@asynccontextmanager
async def someones_pbx(release: Release, before: dict[str, str]) -> AsyncIterator[SomeonesPbx]:
    installation = await asyncio.to_thread(install, release)
    with tempfile.TemporaryDirectory(prefix="aribridge-") as folder:
        pbx = SomeonesPbx(installation, Path(folder))
        write(Path(folder), installation, Settings())
        for name in ("pjsip.conf", *PASTED):
            (pbx.etc / name).write_text("")
        for name, text in before.items():
            (pbx.etc / name).write_text(text)
        running = await process.spawn((*pbx.program, "-f"), Path(folder), Path(folder) / "output")
        try:
            await until(lambda: booted(pbx), within=30)
            yield pbx
        finally:
            await process.end(running, process.signal.SIGKILL)


async def booted(pbx: SomeonesPbx) -> bool:
    return "fully booted" in await pbx.cli("core waitfullybooted")


@dataclass(frozen=True)
class Call:
    """One that entered the application: its channel, and what else ARI tells."""

    id: str
    ari: str
    http: aiohttp.ClientSession
    events: aiohttp.ClientWebSocketResponse

    async def goes_on(self, **variables: str) -> str:
        """Send it on in the dialplan with variables; the first application that it comes to."""
        for name, value in variables.items():
            async with self.http.post(
                f"{self.ari}/channels/{self.id}/variable", params={"variable": name, "value": value}
            ) as response:
                assert response.status == 204, await response.text()
        async with self.http.post(f"{self.ari}/channels/{self.id}/continue") as response:
            assert response.status == 204, await response.text()
        while True:
            event = json.loads((await self.events.receive()).data)
            if event["type"] != "ChannelDialplan" or event["channel"]["id"] != self.id:
                continue
            if event["dialplan_app"] not in {"Stasis", "GotoIf"}:
                return str(event["dialplan_app"])


@asynccontextmanager
async def a_call_in_stasis(port: int, app: str, user: str, password: str) -> AsyncIterator[Call]:
    headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
    ari = f"http://127.0.0.1:{port}/ari"
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{ari}/events", params={"app": app}) as events,
    ):
        query = {"endpoint": "Local/4711@aribridge", "app": "elsewhere"}
        async with http.post(f"{ari}/channels", params=query) as response:
            assert response.status == 200, await response.text()
        # The application may still be told of the end of a call before.
        while (event := json.loads((await events.receive()).data))["type"] != "StasisStart":
            pass
        assert event["application"] == app
        assert event["channel"]["dialplan"]["exten"] == "4711"
        source = {"eventSource": f"channel:{event['channel']['id']}"}
        async with http.post(f"{ari}/applications/{app}/subscription", params=source) as response:
            assert response.status == 200, await response.text()
        yield Call(event["channel"]["id"], ari, http, events)


async def a_call_enters_stasis(port: int, app: str, user: str, password: str) -> None:
    async with a_call_in_stasis(port, app, user, password):
        pass


@pytest.mark.parametrize("release", ["22", "16"])
async def test_pasted_into_a_running_asterisk_and_reloaded(release: Release) -> None:
    port = free_port(socket.SOCK_STREAM)
    async with someones_pbx(release, before={}) as pbx:
        pbx.paste(*(s for s in snippets(pbx.version, "shop", "s3cret", port=port) if s.file in PASTED))
        for command in reload_commands():
            await pbx.cli(command)
        await a_call_enters_stasis(port, "shop", "aribridge", "s3cret")
        for name in PASTED:
            (pbx.etc / name).write_text("")
        for command in reload_commands():
            await pbx.cli(command)
        with pytest.raises(aiohttp.ClientError):
            await a_call_enters_stasis(port, "shop", "aribridge", "s3cret")


@pytest.mark.parametrize("release", ["22", "16"])
async def test_where_a_script_failed_callers_get_what_they_get_without_a_gateway(release: Release) -> None:
    port = free_port(socket.SOCK_STREAM)
    pasted = {s.file: s.text for s in snippets(install(release).version, "shop", "s3cret", port=port)}
    async with someones_pbx(release, before={name: pasted[name] for name in PASTED}):
        for variables, application in (({"ARIBRIDGE_RESULT": "error"}, "Congestion"), ({}, "Hangup")):
            async with a_call_in_stasis(port, "shop", "aribridge", "s3cret") as call:
                assert await call.goes_on(**variables) == application


async def test_pasted_into_a_running_asterisk_it_dials_the_gateway() -> None:
    arrived: asyncio.Queue[web.Request] = asyncio.Queue()

    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["ari"])
        await socket.prepare(request)
        await arrived.put(request)
        async for _ in socket:
            pass
        return socket

    gateway = web.Application()
    gateway.add_routes([web.get("/v1/asterisk/pbx", answer)])
    server = TestServer(gateway, port=free_port(socket.SOCK_STREAM))
    await server.start_server()
    uri = f"ws://127.0.0.1:{server.port}/v1/asterisk/pbx"
    port = free_port(socket.SOCK_STREAM)
    async with someones_pbx("22", before={}) as pbx:
        files = (*PASTED, "websocket_client.conf")
        pbx.paste(*(s for s in snippets(pbx.version, "shop", "s3cret", port=port, gateway=uri) if s.file in files))
        for command in reload_commands(uri):
            await pbx.cli(command)
        request = await asyncio.wait_for(arrived.get(), 20)
        assert request.headers["Authorization"] == aiohttp.encode_basic_auth("aribridge", "s3cret")
        assert "shop" in await pbx.cli("ari show outbound-websockets")
    await server.close()


@pytest.mark.parametrize("release", ["22", "16"])
async def test_with_a_list_of_modules_the_pasted_ones_are_all_it_needs(release: Release) -> None:
    port = free_port(socket.SOCK_STREAM)
    version = install(release).version
    pasted = {s.file: s.text for s in snippets(version, "shop", "s3cret", user="gate", port=port)}
    pasted["modules.conf"] = BARE_MODULES + pasted["modules.conf"]
    async with someones_pbx(release, before=pasted) as pbx:
        await a_call_enters_stasis(port, "shop", "gate", "s3cret")
        shown = await pbx.cli("module show")
        assert [name for name in modules(version) if name not in shown] == []


@pytest.mark.parametrize(
    ("version", "needed"),
    [
        ((16, 28), False),
        ((18, 26, 4), False),
        ((20, 14), False),
        ((20, 15), True),
        ((21, 9), False),
        ((21, 10, 1), True),
        ((22, 4, 1), False),
        ((22, 10, 1), True),
        ((23, 0), True),
        (None, True),
    ],
)
def test_the_websocket_client_module_is_named_where_ari_needs_it(version: tuple[int, ...] | None, needed: bool) -> None:
    assert ("res_websocket_client.so" in modules(version)) is needed


def test_undo_names_the_user_and_the_commands() -> None:
    text = undo("gate")
    assert "[gate]" in text
    assert all(command in text for command in reload_commands())
