"""An unmodified janus.js (npm `janus-gateway`) in real Chromium, from another origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from real.gateway import target
from real.proxy import faulty_proxy
from real.wait import until

if TYPE_CHECKING:
    from real.browser import PageErrors
    from real.client import PageClient
    from real.gateway import Gateway, Gateways
    from real.pages import Pages

    from aribridge.asterisk.instance import PrivateAsterisk

STORY = ["ChannelCreated", "StasisStart", "StasisEnd", "ChannelDestroyed"]


async def open_ari_channel(janus: PageClient) -> None:
    await janus.call("attach", "aribridge.plugin.ari")
    assert await janus.call("openChannel", {"request": "connect"}) == "JanusDataChannel"


@pytest.mark.parametrize("carrier", ["websocket", "long poll"])
async def test_a_call_over_the_data_channel(
    janus: PageClient, any_gateway: Gateway, carrier: str, page_errors: PageErrors
) -> None:
    server = any_gateway.ws_url if carrier == "websocket" else f"{any_gateway.url}/janus"
    await janus.call("createSession", server, any_gateway.token())
    await open_ari_channel(janus)

    info = await janus.request("GET", "/asterisk/info")
    assert info["status"] == 200
    assert info["body"]["system"]["version"].startswith(any_gateway.asterisk.release)

    assert (await janus.subscribe())["status"] == 200
    made = await janus.request("POST", "/channels", endpoint="Local/600@default")
    assert made["status"] == 200
    channel = made["body"]["id"]
    await janus.story(channel, until="StasisStart")
    assert (await janus.request("DELETE", f"/channels/{channel}"))["status"] == 204
    story = await janus.story(channel, until="ChannelDestroyed")
    assert [event for event in story if event in STORY] == STORY

    # So does Chromium tell that the other side closed the peer connection.
    page_errors.expect(r"Got error on data channel")
    await janus.call("destroySession")
    await until(lambda: peers(any_gateway, 0), what="the peer is released")


async def test_a_session_is_claimed_after_its_websocket_dropped(
    janus: PageClient, gateway: Gateway, page_errors: PageErrors
) -> None:
    page_errors.expect(r"Lost connection|WebSocket")
    async with faulty_proxy(gateway.port) as proxy:
        session = await janus.call("createSession", f"ws://127.0.0.1:{proxy.port}", gateway.token())
        await open_ari_channel(janus)
        proxy.drop()
        await janus.page.wait_for_function("lost.length > 0")

        assert (await janus.request("GET", "/asterisk/info"))["status"] == 200, "the data channel lives on"
        await janus.call("reclaim")
        assert await janus.call("janus.getSessionId") == session
        assert (await ask_plugin(janus, {"request": "nonsense"}))["error_code"]


async def test_what_happened_while_the_websocket_was_gone_comes_after_the_claim(
    janus: PageClient, gateway: Gateway, page_errors: PageErrors
) -> None:
    page_errors.expect(r"Lost connection|WebSocket")
    async with faulty_proxy(gateway.port) as proxy:
        await janus.call("createSession", f"ws://127.0.0.1:{proxy.port}", gateway.token())
        await open_ari_channel(janus)
        proxy.drop()
        await janus.page.wait_for_function("lost.length > 0")
        await janus.call("handle.webrtcStuff.pc.close")
        await until(lambda: peers(gateway, 0), what="the gateway noticed that the peer is gone")

        await janus.call("reclaim")
        await janus.page.wait_for_function("notes.hangup")


async def test_another_subject_cannot_claim_a_session(janus: PageClient, gateway: Gateway) -> None:
    session = await janus.call("createSession", gateway.ws_url, gateway.token())
    claim = {"janus": "claim", "session_id": session, "transaction": "t", "token": gateway.token(sub="mallory")}
    answer = await janus.call("rawJanus", gateway.ws_url, claim)
    assert (answer["janus"], answer["error"]["code"]) == ("error", 458)


async def test_echotest(janus: PageClient, gateway: Gateway) -> None:
    await janus.call("createSession", gateway.ws_url, gateway.token())
    await janus.call("attach", "janus.plugin.echotest")
    label = await janus.call("openChannel", {"audio": False, "video": False, "data": True})
    await janus.call("handle.data", {"text": "good morning"})
    await janus.page.wait_for_function("notes.data.length === 1")
    echo = await janus.page.evaluate("notes.data[0]")
    assert (echo["label"], echo["data"].endswith("good morning")) == (label, True)


async def test_a_stop_waits_for_no_channel_on_which_nothing_happens(
    janus: PageClient, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect(r"Got error on data channel|Lost connection|WebSocket")
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin], "drain_seconds": 600})
    await janus.call("createSession", gateway.ws_url, gateway.token())
    await janus.call("attach", "janus.plugin.echotest")
    await janus.call("openChannel", {"audio": False, "video": False, "data": True})
    await janus.call("handle.data", {"text": "good morning"})
    await janus.page.wait_for_function("notes.data.length === 1")
    await gateway.stop()


async def test_without_a_token_there_is_no_session(janus: PageClient, gateway: Gateway) -> None:
    refused = await janus.call("rawJanus", gateway.ws_url, {"janus": "create", "transaction": "t"})
    assert refused["error"]["code"] == 403
    info = await janus.call("rawJanus", gateway.ws_url, {"janus": "info", "transaction": "t"})
    assert "aribridge.plugin.ari" in info["plugins"]


async def ask_plugin(janus: PageClient, message: dict[str, Any]) -> dict[str, Any]:
    """Send a message to the plugin and take the next thing it says."""
    await janus.page.evaluate("() => { notes.messages.length = 0 }")
    await janus.call("handle.send", {"message": message})
    await janus.page.wait_for_function("notes.messages.length > 0")
    return await janus.page.evaluate("notes.messages[0]")


async def peers(gateway: Gateway, count: int) -> bool:
    return (await gateway.metrics())["aribridge_webrtc_peers"] == count
