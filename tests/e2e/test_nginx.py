"""All doors through a real nginx with TLS and a path prefix, by the configuration that comes with the gateway."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from real import nginx
from real.certificates import make_pair
from real.gateway import Gateway, Gateways, target
from real.machine import free_port
from real.wsclient import Client
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

    from aribridge.asterisk.instance import PrivateAsterisk

CLIENT = "127.0.7.1"
"""Where these clients come from: not the address of nginx."""

PAGE = """async ([token, carrier]) => {
  const { connect } = await import("./aribridge.js");
  const bridge = await connect({ token, carrier });
  const reply = await bridge.request("GET", "/asterisk/ping");
  window.bridge = bridge;
  return [bridge.carrier, reply.status ?? 200];
}"""


class Site:
    """A gateway behind nginx, and HTTP through it."""

    def __init__(self, gateway: Gateway, url: str, http: aiohttp.ClientSession) -> None:
        self.gateway, self.url, self.http = gateway, url, http

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.gateway.token()}"}

    async def post(self, path: str, **message: Any) -> dict[str, Any]:
        """A request of the Janus API."""
        body = {"transaction": "t", "token": self.gateway.token()} | message
        async with self.http.post(f"{self.url}/janus{path}", json=body) as response:
            return await response.json()


@pytest.fixture(scope="module")
async def site(asterisk22: PrivateAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    pair, port, gateways = make_pair(folder, "site"), free_port(), Gateways(folder)
    server = {
        "public_url": f"https://127.0.0.1:{port}/aribridge",
        "trusted_proxies": ["127.0.0.1"],
        "console": True,
    }
    gateway = await gateways.start(target(asterisk22), server=server)
    trust = ssl.create_default_context(cafile=str(pair.certificate))
    connector = aiohttp.TCPConnector(ssl=trust, local_addr=(CLIENT, 0))
    async with (
        nginx.serving(folder / "nginx", gateway.port, port, pair) as url,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        yield Site(gateway, url, http)
    await gateways.stop()


@asynccontextmanager
async def websocket(site: Site, protocol: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with site.http.ws_connect(f"{site.url}/v1/ws", protocols=[protocol]) as socket:
        yield socket


async def test_the_websocket_and_the_address_of_its_client(site: Site) -> None:
    async with websocket(site, "aribridge.v1") as socket:
        client = Client(socket)
        welcome = await client.ask(type="hello", token=site.gateway.token())
        assert (await client.ask(type="request", op="asterisk.ping"))["status"] == 200
    [opened] = [line for line in site.gateway.log if welcome["connection"] in line and "connection.open" in line]
    assert json.loads(opened)["peer"] == CLIENT


async def test_a_client_cannot_invent_an_address(site: Site) -> None:
    headers = {"X-Forwarded-For": "192.0.2.66", **site.bearer}
    async with site.http.ws_connect(f"{site.url}/v1/ws", protocols=["aribridge.v1"], headers=headers) as socket:
        await Client(socket).request("GET", "/asterisk/ping")
    peers = [json.loads(line)["peer"] for line in site.gateway.log if "connection.open" in line]
    assert "192.0.2.66" not in peers


async def test_state_and_catalogue_over_http(site: Site) -> None:
    for path in ("/v1/state", "/v1/catalogue/pbx"):
        async with site.http.get(site.url + path, headers=site.bearer) as response:
            assert response.status == 200
            assert (await response.json())["target"] == "pbx"


async def test_a_part_of_a_recording(site: Site, asterisk22: PrivateAsterisk) -> None:
    folder = next(path for path in asterisk22.folder.rglob("recording") if path.is_dir())
    (folder / "by-nginx.wav").write_bytes(bytes(range(200)))
    path, headers = f"{site.url}/v1/recordings/pbx/by-nginx", site.bearer | {"Range": "bytes=100-149"}
    async with site.http.get(path, headers=headers) as response:
        assert (response.status, response.headers["Content-Range"]) == (206, "bytes 100-149/200")
        assert await response.read() == bytes(range(100, 150))
    async with site.http.get(path) as response:
        assert response.status == 401


async def test_janus_on_a_websocket(site: Site) -> None:
    async with websocket(site, "janus-protocol") as socket:
        await socket.send_json({"janus": "create", "transaction": "c", "token": site.gateway.token()})
        assert (await socket.receive_json(timeout=30))["janus"] == "success"


async def test_a_long_poll_of_janus_is_answered_at_once(site: Site) -> None:
    session = (await site.post("", janus="create"))["data"]["id"]
    poll = asyncio.create_task(read_poll(site, session))
    handle = (await site.post(f"/{session}", janus="attach", plugin="aribridge.plugin.ari"))["data"]["id"]
    assert (await site.post(f"/{session}/{handle}", janus="detach"))["janus"] == "success"
    async with asyncio.timeout(20):  # a poll lasts 30 s where nothing comes
        assert (await poll)["janus"] == "detached"
    url = f"{site.url}/janus/{session}/{handle}"
    async with site.http.get(url, allow_redirects=False) as response:
        assert response.url.join(URL(response.headers["Location"])).path == f"/aribridge/janus/{session}"


async def read_poll(site: Site, session: int) -> dict[str, Any]:
    params = {"token": site.gateway.token()}
    async with site.http.get(f"{site.url}/janus/{session}", params=params) as response:
        return await response.json()


@pytest.mark.parametrize("carrier", ["datachannel", "websocket"])
async def test_a_page_with_aribridge_js(site: Site, chromium: Browser, carrier: str) -> None:
    context = await chromium.new_context(ignore_https_errors=True)
    try:
        page = await context.new_page()
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("requestfailed", lambda request: errors.append(f"{request.url} failed"))
        page.on("response", lambda answer: errors.append(answer.url) if answer.status >= 400 else None)
        await page.goto(f"{site.url}/")
        async with asyncio.timeout(60):
            found = await page.evaluate(PAGE, [site.gateway.token(), carrier])
        assert found == [carrier, 200]
        # Before it closes: a candidate that is still on its way to the gateway then is told that there is no such peer.
        assert errors == []
        await page.evaluate("window.bridge.close()")
    finally:
        await context.close()


async def test_pages_say_what_they_forbid(site: Site) -> None:
    async with site.http.get(f"{site.url}/") as response:
        assert response.status == 200
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
