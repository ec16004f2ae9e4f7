"""Scripts of Janus's own Lua plugin, byte for byte from Debian's package, under an unmodified janus.js in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from real.client import PageClient
from real.janus import lua_folder
from real.machine import free_port
from real.wait import until

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext
    from real.browser import PageErrors
    from real.gateway import Gateway, Gateways
    from real.pages import Pages


async def gateway_with(gateways: Gateways, pages: Pages, script: str) -> Gateway:
    lua = [{"script": str(lua_folder() / script), "path": [str(lua_folder())]}]
    nobody = {"name": "pbx", "url": f"http://127.0.0.1:{free_port()}/ari", "password_file": "signing.key"}
    return await gateways.start(nobody, server={"origins": [pages.origin]}, janus={"lua": lua}, ready=False)


@pytest.fixture(autouse=True)
def leaving(page_errors: PageErrors) -> None:
    """So does Chromium tell that the other side closed the peer connection."""
    page_errors.expect(r"Got error on data channel|Lost connection|WebSocket")


async def test_echotest(janus: PageClient, gateways: Gateways, pages: Pages) -> None:
    gateway = await gateway_with(gateways, pages, "echotest.lua")
    await janus.call("createSession", gateway.ws_url, gateway.token())
    await janus.call("attach", "janus.plugin.echolua")
    label = await janus.call("openChannel", {"audio": False, "video": False, "data": True})
    assert label == "JanusDataChannel"
    assert await janus.page.evaluate("notes.messages") == [{"echotest": "event", "result": "ok"}]

    await janus.call("handle.data", {"text": "good mörning"})
    await janus.page.wait_for_function("notes.data.length === 1")
    assert await janus.page.evaluate("notes.data[0]") == {"data": "[echotest.lua] --> good mörning", "label": label}

    info = await janus.call("rawJanus", gateway.ws_url, {"janus": "info", "transaction": "t"})
    told = info["plugins"]["janus.plugin.echolua"]
    assert (told["name"], told["version"], told["version_string"]) == ("Lua based EchoTest", 12, "0.0.12")


async def test_videoroom(janus: PageClient, context: BrowserContext, gateways: Gateways, pages: Pages) -> None:
    gateway = await gateway_with(gateways, pages, "videoroom.lua")
    await janus.call("createSession", gateway.ws_url, gateway.token())
    await janus.call("attach", "janus.plugin.lua")
    created = await ask(janus, {"request": "create", "room": 1234, "description": "a room"})
    assert created == {"videoroom": "created", "room": 1234}
    listed = await ask(janus, {"request": "list"})
    assert listed["list"]["1234"]["description"] == "a room"

    await janus.call("handle.send", {"message": {"request": "join", "ptype": "publisher", "room": 1234, "id": 7}})
    joined = await said(janus, "message.videoroom === 'joined'")
    assert (joined["id"], joined["publishers"]) == (7, [])

    await janus.call("openChannel", {"request": "publish", "audio": False, "video": False, "data": True})
    await until(lambda: any("PeerConnection is up" in line for line in gateway.log), what="setupMedia was called")

    viewer = PageClient(await context.new_page())
    await viewer.load(pages, "pages/janus.html")
    await viewer.call("createSession", gateway.ws_url, gateway.token(sub="bob"))
    await viewer.call("attach", "janus.plugin.lua")
    await viewer.page.evaluate("""() => {
        answering = {request: "start", room: 1234};
        opened = () => notes.messages.push({opened: true});
        handle.send({message: {request: "join", ptype: "subscriber", room: 1234, feed: 7}});
    }""")
    assert (await said(viewer, "message.videoroom === 'attached'"))["id"] == 7
    await said(viewer, "message.opened")
    await janus.call("handle.data", {"text": "to all who watch"})
    await viewer.page.wait_for_function("notes.data.length === 1")
    assert (await viewer.page.evaluate("notes.data[0]"))["data"] == "to all who watch"


async def ask(janus: PageClient, message: dict[str, Any]) -> dict[str, Any]:
    """Send a message that the plugin answers at once; the answer."""
    return await janus.call("ask", message)


async def said(janus: PageClient, condition: str) -> dict[str, Any]:
    """The first message of the plugin's for which the condition holds."""
    await janus.page.wait_for_function(f"notes.messages.some((message) => {condition})")
    return await janus.page.evaluate(f"notes.messages.find((message) => {condition})")
