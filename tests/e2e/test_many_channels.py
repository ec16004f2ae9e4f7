"""A reply that is longer than one frame: `GET /channels` with 500 channels up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from real.asterisk import fresh_asterisk
from real.gateway import Gateways, target
from real.wait import until
from real.wsclient import greeted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from real.client import Door, PageClient
    from real.gateway import Gateway
    from real.pages import Pages

    from aribridge.asterisk.instance import PrivateAsterisk

CHANNELS = 500
FRAME = 65536


@pytest.fixture(scope="module")
async def busy_asterisk() -> AsyncIterator[PrivateAsterisk]:
    async with fresh_asterisk("22") as asterisk:
        # A Local channel has two ends.
        for _ in range(CHANNELS // 2):
            await asterisk.cli("channel originate Local/600@default application Wait 600")
        await until(lambda: up(asterisk), within=30, what=f"{CHANNELS} channels are up")
        yield asterisk


@pytest.fixture(scope="module")
async def busy_gateway(
    tmp_path_factory: pytest.TempPathFactory, pages: Pages, busy_asterisk: PrivateAsterisk
) -> AsyncIterator[Gateway]:
    gateways = Gateways(tmp_path_factory.mktemp("busy"))
    yield await gateways.start(target(busy_asterisk), server={"origins": [pages.origin]})
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


async def test_a_clear_413_for_more_than_may_wait(gateways: Gateways, busy_asterisk: PrivateAsterisk) -> None:
    """A client that reads as fast as it can is not slow because it asks for much."""
    gateway = await gateways.start(target(busy_asterisk), limits={"outbox_bytes": 200_000})
    async with greeted(gateway.url, gateway.token(), features=["parts"]) as client:
        reply = await client.request("GET", "/channels")
        assert reply["status"] == 413
        assert (reply["error"]["code"], reply["error"]["outcome"]) == ("reply_too_large", "applied")
        assert "limits.outbox_bytes" in reply["error"]["detail"]
        assert (await client.request("GET", "/asterisk/info"))["status"] == 200
