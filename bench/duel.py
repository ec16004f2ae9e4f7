"""The data channel, from one page with npm's janus.js: the gateway and Janus in turn."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.figures import Cpu, Row, at, compare, in_turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page
    from real.proxy import FaultyProxy

    from bench.lab import Lab

JANUS = "Janus 1.1 with a Lua script"
ROUNDS = 5
SLOW_SECONDS = 2
PINGS = 80
"""Fewer than would outlast the slow call."""
BURST, PACED, EVERY_MS = 100, 100, 100
FAN_OUT: tuple[tuple[int, tuple[str, ...], float | None], ...] = (
    (1, (), None),
    (1, ("batch",), None),
    (10, (), 1.0),
    (10, ("batch",), 0.5),
    (100, (), 1.0),
    (100, ("batch",), 0.5),
)
"""Channels, features, goal."""
IDLE, IDLE_SECONDS = 100, 10
CONNECT = {"request": "connect"}
SUBSCRIBED: dict[str, Any] = {
    "type": "hello",
    "subs": [{"sub": 1, "target": "pbx", "filter": {"type": ["Bench"]}}],
}


@dataclass(frozen=True, slots=True)
class Side:
    """Where a page connects, and whose CPU time counts. ``hello`` is said on each channel, None for none."""

    server: str
    plugin: str
    body: dict[str, Any]
    pid: int
    token: str | None = None
    hello: dict[str, Any] | None = None

    @asynccontextmanager
    async def page(self, lab: Lab, channels: int) -> AsyncIterator[tuple[Page, list[float]]]:
        """A page with so many open channels, and the milliseconds that each took to open."""
        page = await _page(lab)
        given = [self.server, self.token, self.plugin, self.body, channels, self.hello]
        opened = await page.evaluate("(given) => open_(...given)", given)
        yield page, opened
        await page.close()


def our_side(lab: Lab, hello: dict[str, Any] | None = None) -> Side:
    """The gateway."""
    gateway = lab.gateway
    return Side(
        gateway.ws_url + "/janus", "aribridge.plugin.ari", CONNECT, gateway.pid, gateway.token(minutes=60), hello
    )


def sides(lab: Lab, hello: dict[str, Any] | None = None) -> tuple[Side, Side]:
    """Ours and theirs, for the same page."""
    assert lab.janus is not None
    return our_side(lab, hello), Side(lab.janus.url, "janus.plugin.bench", CONNECT, lab.janus.pid)


async def commands(lab: Lab) -> list[Row]:
    """Opening, round trips, commands a second, and one slow call beside the others."""
    ours, theirs = sides(lab)

    async def opening(side: Side) -> float:
        async with side.page(lab, 12) as (_, opened):
            return at(50, opened[2:])

    rows = [_row("from the page's call to an open data channel", "ms", await _both(opening, ours, theirs), goal=0.8)]
    async with ours.page(lab, 2) as (here, _), theirs.page(lab, 2) as (there, _):
        rows += await _round_trips(here, there)
        rows += [await _rates(here, there, what, inflight) for what in ("ping", "echo") for inflight in (1, 16, 64)]
        rows += await _beside_slow(lab.slow, here, there)
    return rows


async def own_client(lab: Lab) -> list[Row]:
    """The same commands by aribridge.js, on both carriers."""
    _, theirs = sides(lab)
    rows = []
    async with theirs.page(lab, 2) as (there, _):
        for carrier, what in (("datachannel", "the data channel"), ("websocket", "a WebSocket")):
            here = await _page(lab)
            await here.evaluate("(given) => connect_(...given)", [lab.gateway.url, lab.gateway.token(), carrier])
            by = f"by aribridge.js over {what}"
            rows += await _round_trips(here, there, by, (None, None))
            rows += [await _rates(here, there, "ping", inflight, by) for inflight in (1, 16, 64)]
            await here.close()
    return rows


async def _page(lab: Lab) -> Page:
    page = await lab.browser.new_page()
    await page.goto(lab.pages.url("bench/duel.html"))
    await page.wait_for_function("window.pageReady")
    return page


async def _round_trips(
    here: Page, there: Page, by: str = "over the data channel", goals: tuple[float | None, float | None] = (0.9, 0.5)
) -> list[Row]:
    times = [(await _latencies(here, 400), await _latencies(there, 400)) for _ in range(ROUNDS)]
    p50 = [(at(50, our), at(50, their)) for our, their in times]
    p99 = [(at(99, our), at(99, their)) for our, their in times]
    name = f"ARI ping {by}, one at a time"
    return [_row(f"{name}, p50", "ms", p50, goal=goals[0]), _row(f"{name}, p99", "ms", p99, goal=goals[1])]


async def _rates(here: Page, there: Page, what: str, inflight: int, by: str = "") -> Row:
    async def rate(page: Page) -> float:
        return float(await page.evaluate("(given) => rate(...given)", [what, 1600, inflight]))

    pairs = await in_turn(ROUNDS, lambda: rate(here), lambda: rate(there))
    name = " ".join(("ARI pings" if what == "ping" else "messages that the script answers at once", by)).strip()
    goal = 2.0 if (what, inflight, by) == ("ping", 16, "") else None
    return compare(f"{name}, {inflight} in flight", "a second", JANUS, pairs, better="higher", goal=goal)


async def _beside_slow(slow: FaultyProxy, here: Page, there: Page) -> list[Row]:
    """Each beside itself without the slow call; only the gateway's is a goal."""
    rows = []
    for whose, page, goal in (("gateway", here, 1.2), ("Janus", there, None)):
        pairs = []
        for _ in range(ROUNDS):
            alone = at(99, await _latencies(page, PINGS))
            slow.freeze()
            asyncio.get_running_loop().call_later(SLOW_SECONDS, slow.thaw)
            beside = await page.evaluate("(times) => besideSlow(times)", PINGS)
            pairs.append((at(99, beside), alone))
        name = f"{whose}: p99 of {PINGS} pings while another client's ARI call takes {SLOW_SECONDS} s"
        rows.append(compare(name, "ms", "its own p99 without that call", pairs, goal=goal))
    return rows


async def fan_out(lab: Lab) -> list[Row]:
    """CPU time of the server for each event of 1.2 KB that a client gets."""
    rows = []
    for channels, features, goal in FAN_OUT:
        ours, theirs = sides(lab, {**SUBSCRIBED, "features": list(features)})
        clients = f"{channels} data channel{'s' * (channels > 1)}"
        name = f"server CPU per delivered event, {clients}, burst{' with batch' * bool(features)}"
        pairs = await _deliveries(lab, ours, theirs, channels, {"burst": BURST}, BURST)
        rows.append(_row(name, "µs", pairs, goal=goal))
    ours, theirs = sides(lab, SUBSCRIBED)
    paced = {"paced": PACED, "every": EVERY_MS}
    pairs = await _deliveries(lab, ours, theirs, 50, paced, PACED)
    rows.append(_row("server CPU per delivered event, 50 data channels, 10 events/s", "µs", pairs, goal=0.6))
    return rows


async def idle(lab: Lab) -> list[Row]:
    """CPU time of the server for each second of a data channel on which nothing happens."""
    ours, theirs = sides(lab, SUBSCRIBED)
    async with ours.page(lab, IDLE), theirs.page(lab, IDLE):

        async def cost(side: Side) -> float:
            with Cpu(side.pid) as cpu:
                await asyncio.sleep(IDLE_SECONDS)
            return cpu.each(IDLE * IDLE_SECONDS)

        pairs = await in_turn(3, lambda: cost(ours), lambda: cost(theirs))
    return [_row(f"server CPU per second of an idle data channel, {IDLE} of them", "µs", pairs, goal=None)]


async def _deliveries(
    lab: Lab, ours: Side, theirs: Side, channels: int, order: dict[str, Any], each: int
) -> list[tuple[float, float]]:
    async with ours.page(lab, channels) as (here, _), theirs.page(lab, channels) as (there, _):

        async def cost(side: Side, page: Page) -> float:
            with Cpu(side.pid) as cpu:
                received = await page.evaluate("(given) => fanOut(...given)", [order, each])
            await asyncio.sleep(0.5)  # late acknowledgements belong to nobody's next round
            return cpu.each(received)

        return await in_turn(ROUNDS, lambda: cost(ours, here), lambda: cost(theirs, there))


async def _latencies(page: Page, times: int) -> list[float]:
    return list(await page.evaluate("(given) => latencies(...given)", ["ping", times]))


async def _both(measure: Any, ours: Side, theirs: Side) -> list[tuple[float, float]]:
    return await in_turn(ROUNDS, lambda: measure(ours), lambda: measure(theirs))


def _row(name: str, unit: str, pairs: list[tuple[float, float]], *, goal: float | None) -> Row:
    return compare(name, unit, JANUS, pairs, goal=goal)
