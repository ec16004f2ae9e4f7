"""The native doors from a page of another origin, with nothing but the browser's own API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import pytest
from playwright.async_api import Error
from real.gateway import target
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from real.browser import PageErrors
    from real.client import Door, PageClient
    from real.gateway import Gateway, Gateways
    from real.pages import Pages

    from aribridge.asterisk.instance import PrivateAsterisk

STORY = ["ChannelCreated", "StasisStart", "StasisEnd", "ChannelDestroyed"]


@pytest.mark.parametrize("door", ["rtc", "ws"])
async def test_a_call(plain: PageClient, any_gateway: Gateway, door: Door) -> None:
    welcome = await plain.open(any_gateway, door)
    assert welcome["user"]["sub"] == "alice"
    assert [(target["name"], target["up"]) for target in welcome["targets"]] == [("pbx", True)]

    assert (await plain.request("GET", "/asterisk/info"))["status"] == 200
    await plain.subscribe(type=["ChannelCreated", "Stasis*", "ChannelDestroyed"])
    made = await plain.request("POST", "/channels", endpoint="Local/600@default")
    channel = made["body"]["id"]
    await plain.story(channel, until="StasisStart")
    assert (await plain.request("DELETE", f"/channels/{channel}"))["status"] == 204
    assert await plain.story(channel, until="ChannelDestroyed") == STORY


async def test_a_peer_is_deleted_at_its_location(plain: PageClient, gateway: Gateway) -> None:
    opened = await plain.call("rtcOpen", gateway.url, gateway.token())
    assert opened["type"].startswith("application/sdp")
    headers = {"Authorization": f"Bearer {gateway.token()}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.delete(opened["location"]) as response:
            assert response.ok
        async with http.delete(opened["location"]) as response:
            assert response.status == 404
    await plain.page.wait_for_function("channel.readyState === 'closed'")
    await until(lambda: no_peer(gateway))


@pytest.mark.parametrize("ends", ["channel.close()", "channel.send('no JSON')"])
async def test_a_peer_whose_channel_ended_is_let_go_though_its_page_keeps_it(
    plain: PageClient, gateway: Gateway, ends: str
) -> None:
    await plain.open(gateway, "rtc")
    await plain.page.evaluate(ends)
    await plain.page.wait_for_function("channel.readyState === 'closed'")
    await until(lambda: no_peer(gateway))


async def test_a_page_of_an_origin_that_is_not_listed_is_refused(
    plain: PageClient, gateways: Gateways, asterisk22: PrivateAsterisk, page_errors: PageErrors
) -> None:
    page_errors.expect(r"CORS|Failed to load|WebSocket")
    gateway = await gateways.start(target(asterisk22), server={"origins": ["https://elsewhere.example"]})
    for door in ("rtc", "ws"):
        with pytest.raises(Error, match=r"Failed to fetch|did not open"):
            await plain.open(gateway, door)
    assert any("origin.refused" in line for line in gateway.log)


async def test_a_call_in_firefox(firefox: Callable[[str], Awaitable[Any]], pages: Pages, gateway: Gateway) -> None:
    asked = quote(json.dumps({"gateway": gateway.url, "token": gateway.token()}))
    outcome = await firefox(pages.url("pages/plain.html") + f"#{asked}")
    assert (outcome["info"], outcome["made"], outcome["gone"]) == (200, 200, 204)
    assert [event for event in outcome["story"] if event in STORY] == STORY
    await until(lambda: no_peer(gateway))


async def no_peer(gateway: Gateway) -> bool:
    return (await gateway.metrics())["aribridge_webrtc_peers"] == 0
