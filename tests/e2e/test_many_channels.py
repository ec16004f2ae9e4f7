"""A reply that is longer than one frame: `GET /channels` with 500 channels up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from real.asterisk import fresh_asterisk
from real.gateway import Gateways, target
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from real.client import Door, PageClient
    from real.gateway import Gateway
    from real.pages import Pages

CHANNELS = 500
FRAME = 65536


@pytest.fixture(scope="module")
async def busy_gateway(tmp_path_factory: pytest.TempPathFactory, pages: Pages) -> AsyncIterator[Gateway]:
    async with fresh_asterisk("22") as asterisk:
        gateways = Gateways(tmp_path_factory.mktemp("busy"))
        gateway = await gateways.start(target(asterisk), server={"origins": [pages.origin]})
        # A Local channel has two ends.
        for _ in range(CHANNELS // 2):
            await asterisk.cli("channel originate Local/600@default application Wait 600")
        await until(lambda: up(asterisk), within=30, what=f"{CHANNELS} channels are up")
        yield gateway
        await gateways.stop()


async def up(asterisk: Any) -> bool:
    return f"{CHANNELS} active channels" in await asterisk.cli("core show channels count")


@pytest.mark.parametrize("door", ["rtc", "ws"])
async def test_in_parts_for_a_client_that_has_them(plain: PageClient, busy_gateway: Gateway, door: Door) -> None:
    await plain.open(busy_gateway, door, ["parts"])
    reply = await plain.request("GET", "/channels")
    assert reply["status"] == 200
    assert len(reply["body"]) == CHANNELS
    assert reply["parts"] > len(json.dumps(reply["body"])) // FRAME
    assert await plain.page.evaluate("client.others") == []


@pytest.mark.parametrize("door", ["rtc", "ws"])
async def test_a_clear_413_for_a_client_that_has_not(plain: PageClient, busy_gateway: Gateway, door: Door) -> None:
    await plain.open(busy_gateway, door)
    reply = await plain.request("GET", "/channels")
    assert reply["status"] == 413
    assert (reply["error"]["code"], reply["error"]["outcome"]) == ("reply_too_large", "applied")
    assert "parts" in reply["error"]["detail"]
    assert (await plain.request("GET", "/asterisk/info"))["status"] == 200
