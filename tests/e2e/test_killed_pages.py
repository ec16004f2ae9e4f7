"""Browsers that vanish in the middle of calls leave nothing behind in the gateway."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest
from real.asterisk import fresh_asterisk
from real.browser import DoomedChromium, doomed_chromium
from real.client import PageClient
from real.gateway import Gateways, target
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Playwright
    from real.gateway import Gateway
    from real.pages import Pages

    from aribridge.asterisk.instance import PrivateAsterisk

ROUNDS, PAGES = 5, 10
BROWSERS_AT_FIRST = 3
NOTICED_WITHIN = 20.0
"""What a gateway that comes late itself gets on top of the 8 s of consent_seconds; aioice alone takes 30 s."""
KB_PER_CYCLE = 20


@dataclass(frozen=True)
class Footprint:
    """What the gateway holds that clients could leak."""

    peers: float
    connections: float
    sockets: int
    threads: int

    @classmethod
    async def of(cls, gateway: Gateway) -> Footprint:
        metrics, process = await gateway.metrics(), psutil.Process(gateway.pid)
        return cls(
            peers=metrics["aribridge_webrtc_peers"],
            connections=sum(value for name, value in metrics.items() if name.startswith("aribridge_connections{")),
            sockets=len([socket for socket in process.net_connections("all") if socket.status != "ESTABLISHED"]),
            threads=process.num_threads(),
        )


@pytest.fixture
async def asterisk() -> AsyncIterator[PrivateAsterisk]:
    async with fresh_asterisk("22") as asterisk:
        yield asterisk


async def put_in_call(doomed: DoomedChromium, gateway: Gateway, pages: Pages) -> None:
    client = PageClient(await doomed.browser.new_page())
    await client.load(pages, "pages/plain.html")
    await client.open(gateway, "rtc")
    await client.subscribe()
    made = await client.request("POST", "/channels", endpoint="Local/600@default")
    assert made["status"] == 200


async def one_round(
    playwright: Playwright, gateway: Gateway, asterisk: PrivateAsterisk, pages: Pages, *, browsers: int = 1
) -> None:
    async with AsyncExitStack() as stack:
        doomed = [await stack.enter_async_context(doomed_chromium(playwright)) for _ in range(browsers)]
        for browser in doomed:
            await asyncio.gather(*(put_in_call(browser, gateway, pages) for _ in range(PAGES)))
        assert (await Footprint.of(gateway)).peers == PAGES * browsers
        for browser in doomed:
            browser.kill()

        async def released() -> bool:
            now = await Footprint.of(gateway)
            return (now.peers, now.connections) == (0, 0)

        await until(released, within=NOTICED_WITHIN, what="the gateway noticed that the pages died")
    await asterisk.cli("channel request hangup all")
    await until(lambda: calls(asterisk, 0), what="the calls are over")


async def calls(asterisk: PrivateAsterisk, count: int) -> bool:
    return f"{count} active channels" in await asterisk.cli("core show channels count")


def resident_kb(gateway: Gateway) -> float:
    return psutil.Process(gateway.pid).memory_info().rss / 1024


@pytest.mark.timeout(300)
async def test_nothing_is_left_of_pages_that_were_killed_during_calls(
    playwright: Playwright, gateways: Gateways, asterisk: PrivateAsterisk, pages: Pages
) -> None:
    # A short history: it would grow with the events of the calls until it is full, as it should.
    settings = {"server": {"origins": [pages.origin]}, "stream": {"history_events": 100}}
    gateway = await gateways.start(target(asterisk), **settings)
    before = await Footprint.of(gateway)
    # More pages than ever again: what Python keeps of the memory that they took must do for all later rounds.
    await one_round(playwright, gateway, asterisk, pages, browsers=BROWSERS_AT_FIRST)
    sizes = [resident_kb(gateway)]
    for _ in range(ROUNDS):
        await one_round(playwright, gateway, asterisk, pages)
        sizes.append(resident_kb(gateway))
    grown = (sizes[-1] - sizes[0]) / ROUNDS / PAGES
    assert grown <= KB_PER_CYCLE, f"{grown:.1f} KB a cycle: {sizes}"
    await until(lambda: unchanged(gateway, before), what=f"nothing is left but {before}")


async def unchanged(gateway: Gateway, before: Footprint) -> bool:
    now = await Footprint.of(gateway)
    return (now.peers, now.connections) == (0, 0) and now.sockets <= before.sockets
