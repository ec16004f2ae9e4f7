"""The console in real Chromium, on the real gateway and a real Asterisk."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import expect
from real.gateway import target
from real.machine import suspend
from real.proxy import faulty_proxy
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Browser, Page, Route
    from real.browser import PageErrors
    from real.gateway import Gateway, Gateways

    from aribridge.asterisk.instance import PrivateAsterisk


@pytest.fixture
async def console(page: Page, gateway: Gateway, hang_up: Callable[[], Awaitable[None]]) -> AsyncIterator[Page]:
    """The console, signed in by a link."""
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#console")).to_be_visible()
    await expect(page.locator("#subscriptions")).to_contain_text("live")
    yield page
    await hang_up()


async def call(console: Page, endpoint: str) -> None:
    await console.keyboard.press("n")
    await console.keyboard.type(endpoint)
    await console.select_option("#originate [name=to]", "app")
    await console.press("#originate [name=endpoint]", "Enter")
    await expect(console.locator("#channels button")).to_have_count(2)


async def test_a_link_signs_in_and_leaves_no_token_in_the_address(console: Page, gateway: Gateway) -> None:
    assert console.url == f"{gateway.url}/"
    await expect(console.locator("#status")).to_contain_text("connected by data channel")
    await expect(console.locator("#status")).to_contain_text(re.compile(r"pbx 22\.\d+.*alice.*min left"))
    await console.reload()
    await expect(console.locator("#console")).to_be_visible()


async def test_sign_in_by_hand(page: Page, gateway: Gateway, page_errors: PageErrors) -> None:
    page_errors.expect("401")
    await page.goto(gateway.url)
    await expect(page.locator("#token")).to_be_focused()
    await page.keyboard.type("nonsense")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("not a JSON Web Token")
    await page.fill("#token", gateway.token())
    await page.keyboard.press("Enter")
    await expect(page.locator("#console")).to_be_visible()
    await page.click("#sign-out")
    await expect(page.locator("#sign-in")).to_be_visible()


async def test_originate_play_and_hang_up(console: Page) -> None:
    await call(console, "Local/600@default")
    row = console.locator("#channels button", has_text=";1")
    await row.press("Enter")
    await expect(row).to_have_attribute("aria-pressed", "true")
    await expect(row).to_be_focused()
    await expect(console.locator("#selected-name")).to_contain_text("Local/600@default")
    await console.get_by_role("button", name="Play").click()
    await expect(console.locator("#events")).to_contain_text("PlaybackStarted")
    await console.get_by_role("button", name="Hang up").click()
    await expect(console.locator("#channels")).to_contain_text("No calls")
    await expect(console.locator("#selected")).to_be_hidden()


async def test_an_action_that_fails_says_why(console: Page) -> None:
    await console.fill("#originate [name=endpoint]", "Nonsense/1")
    await console.press("#originate [name=endpoint]", "Enter")
    await expect(console.locator("#calls-message.bad")).not_to_be_empty()


async def test_events_are_filtered_and_paused_by_keyboard(console: Page) -> None:
    await call(console, "Local/600@default")
    await console.keyboard.press("Escape")
    await console.keyboard.press("/")
    await expect(console.locator("#filter")).to_be_focused()
    await console.keyboard.type("StasisStart -nothing")
    await expect(console.locator("#events li")).to_have_count(1)
    await console.locator("#events summary").press("Enter")
    await expect(console.locator("#events details[open]")).to_have_count(1)
    await expect(console.locator("#events pre")).to_contain_text('"type": "StasisStart"')
    await console.keyboard.press("p")
    await console.fill("#filter", "")
    await expect(console.locator("#events")).to_contain_text("ChannelCreated")
    before = await console.locator("#events li").count()
    await console.locator("#channels button").first.click()
    await console.click("#hangup")
    await expect(console.locator("#events-count")).to_have_text(re.compile(r"paused, \d+ new"))
    assert await console.locator("#events li").count() == before
    await console.locator("body").press("p")
    await expect(console.locator("#events")).to_contain_text("ChannelDestroyed")
    await console.keyboard.press("c")
    await expect(console.locator("#events")).to_have_text("No events.")


async def test_any_operation_by_its_form(console: Page) -> None:
    await console.keyboard.press("o")
    await console.keyboard.type("getinfo")
    await console.keyboard.press("ArrowDown")
    await expect(console.locator("#operation-form")).to_contain_text("/asterisk/info")
    await console.select_option("#param-only", "system")
    await console.click("#operation-form .primary")
    await expect(console.locator("#result")).to_contain_text("200")
    await expect(console.locator("#result pre")).to_contain_text('"version"')


async def test_an_operation_is_chosen_before_the_list_has_come(page: Page, gateway: Gateway) -> None:
    arrow_pressed = asyncio.Event()

    async def late(route: Route) -> None:
        await arrow_pressed.wait()
        await route.continue_()

    await page.route("**/v1/catalogue/*", late)
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#console")).to_be_visible()
    await page.keyboard.press("o")
    await page.keyboard.type("getinfo")
    await page.keyboard.press("ArrowDown")
    arrow_pressed.set()
    await expect(page.locator("#operation-form")).to_contain_text("/asterisk/info")


async def test_a_form_marks_what_is_required_and_shows_refusals(console: Page) -> None:
    await console.fill("#operation-search", "channels.mute")
    await console.press("#operation-search", "ArrowDown")
    assert await console.locator("#param-channelId").get_attribute("required") is not None
    assert await console.locator("#param-direction option").all_text_contents() == ["(both)", "both", "in", "out"]
    await console.fill("#param-channelId", "nobody")
    await console.press("#param-channelId", "Enter")
    await expect(console.locator("#result .bad")).to_contain_text("404")


async def test_help_and_theme(console: Page) -> None:
    await console.keyboard.press("?")
    await expect(console.locator("#help")).to_be_visible()
    await console.keyboard.press("Escape")
    await console.keyboard.press("t")
    await expect(console.locator("html")).to_have_attribute("data-theme", "dark")
    await console.reload()
    await expect(console.locator("html")).to_have_attribute("data-theme", "dark")


async def test_it_fits_a_phone(chromium: Browser, gateway: Gateway) -> None:
    context = await chromium.new_context(viewport={"width": 360, "height": 740})
    page = await context.new_page()
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#operation-list")).to_contain_text("channels.originate")
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    await context.close()


async def test_a_token_that_allows_little_is_told_so(page: Page, gateway: Gateway) -> None:
    await page.goto(f"{gateway.url}/#token={gateway.token(ops=['asterisk.*'])}")
    await expect(page.locator("#subscriptions")).to_contain_text("not subscribed")
    await expect(page.locator("#subscriptions")).to_contain_text("events.eventWebsocket")
    await expect(page.locator("#calls-message")).to_contain_text("channels.list")


async def test_an_expired_token_leads_back_to_the_sign_in(
    gateways: Gateways, page: Page, asterisk22: PrivateAsterisk, page_errors: PageErrors
) -> None:
    page_errors.expect("401")  # of a browser so slow that the token has expired before it is shown
    gateway = await gateways.start(target(asterisk22), server={"console": True}, auth={"leeway": 0.0})
    await page.goto(f"{gateway.url}/#token={gateway.token(minutes=0.04)}")
    await expect(page.locator("#sign-in-error")).to_contain_text("expired")
    await page.fill("#token", gateway.token())
    await page.keyboard.press("Enter")
    await expect(page.locator("#subscriptions")).to_contain_text("live")
    await call(page, "Local/600@default")
    await page.locator("#channels button").first.click()
    await page.click("#hangup")
    await expect(page.locator("#channels")).to_contain_text("No calls")


async def test_what_is_shown_while_the_gateway_is_away_is_marked_as_old_and_the_reason_told(
    gateways: Gateways, page: Page, asterisk22: PrivateAsterisk, page_errors: PageErrors
) -> None:
    page_errors.expect("ERR_CONNECTION_REFUSED|WebSocket connection")
    gateway = await gateways.start(target(asterisk22), server={"console": True})
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#events")).to_contain_text("No events.")
    await gateway.stop()
    await expect(page.locator("#status")).to_contain_text(
        re.compile("reconnecting: .*(shutting down|is the gateway running)")
    )
    await expect(page.locator("#events")).to_have_css("opacity", "0.5")
    await expect(page.get_by_text(re.compile(r"^pbx 22"))).not_to_have_class(re.compile("good"))
    await gateway.start()
    await expect(page.locator("#status")).to_contain_text("connected by", timeout=40_000)
    await expect(page.locator("#events")).to_have_css("opacity", "1")
    await expect(page.get_by_text(re.compile(r"^pbx 22"))).to_have_class(re.compile("good"))


async def test_an_action_on_its_way_is_told_so(gateways: Gateways, page: Page, asterisk22: PrivateAsterisk) -> None:
    gateway = await gateways.start(target(asterisk22), server={"console": True})
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#subscriptions")).to_contain_text("live")
    await call(page, "Local/600@default")
    await page.locator("#channels button").first.click()
    await suspend(gateway.pid)
    await page.click("#hangup")
    await expect(page.locator("#calls-message")).to_have_text("On its way …")
    os.kill(gateway.pid, signal.SIGCONT)
    await expect(page.locator("#calls-message")).to_have_text("Hung up")


async def test_an_asterisk_that_is_down_is_shown(
    gateways: Gateways, page: Page, asterisk22: PrivateAsterisk, page_errors: PageErrors
) -> None:
    page_errors.expect("503")
    down = target(asterisk22, name="away", url="http://127.0.0.1:9/ari")
    gateway = await gateways.start(down, ready=False, server={"console": True})
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#status")).to_contain_text("away is down")


async def test_an_asterisk_that_comes_later_is_there_with_all_that_it_can_do(
    gateways: Gateways, page: Page, asterisk22: PrivateAsterisk, page_errors: PageErrors
) -> None:
    page_errors.expect("503")
    async with faulty_proxy(urlsplit(asterisk22.ari_url).port) as proxy:
        proxy.refuse()
        late = target(asterisk22, url=f"http://127.0.0.1:{proxy.port}/ari")
        gateway = await gateways.start(late, ready=False, server={"console": True})
        await page.goto(f"{gateway.url}/#token={gateway.token()}")
        await expect(page.locator("#status")).to_contain_text("pbx is down")
        await expect(page.locator("#result")).to_contain_text("The list of operations is not there")
        proxy.accept()
        await expect(page.locator("#status")).to_contain_text("pbx 22")
        await expect(page.locator("#operation-list")).to_contain_text("channels.originate")
        await expect(page.locator("#result")).to_be_empty()


async def test_calls_of_an_asterisk_that_is_away_are_marked_as_old(
    gateways: Gateways, page: Page, asterisk22: PrivateAsterisk, page_errors: PageErrors
) -> None:
    page_errors.expect("503")
    async with faulty_proxy(urlsplit(asterisk22.ari_url).port) as proxy:
        behind = target(asterisk22, url=f"http://127.0.0.1:{proxy.port}/ari")
        gateway = await gateways.start(behind, server={"console": True})
        await page.goto(f"{gateway.url}/#token={gateway.token()}")
        await expect(page.locator("#subscriptions")).to_contain_text("live")
        await call(page, "Local/600@default")
        first = page.locator("#channels li").first
        await expect(first).to_have_css("opacity", "1")
        proxy.refuse()
        proxy.drop()
        await expect(page.locator("#status")).to_contain_text("pbx is down")
        await expect(first).to_have_css("opacity", "0.5")
        proxy.accept()
        await expect(page.locator("#status")).to_contain_text("pbx 22")
        await expect(first).to_have_css("opacity", "1")
        await first.locator("button").click()
        await page.click("#hangup")
        await expect(page.locator("#channels")).to_contain_text("No calls")


HOLD_BACK = """
const { set } = Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, "onmessage");
window.held = [];
Object.defineProperty(RTCDataChannel.prototype, "onmessage", {
  set(listener) {
    const isHeld = ({ type, body }) => window.holding && type === "reply" && Array.isArray(body);
    set.call(this, listener && (({ data }) => {
      for (const message of [JSON.parse(data)].flat()) {
        const pass = () => listener({ data: JSON.stringify(message) });
        if (isHeld(message)) held.push(pass);
        else pass();
      }
    }));
  },
});
"""


async def test_a_list_of_calls_that_comes_late_brings_none_back(
    page: Page, gateway: Gateway, hang_up: Callable[[], Awaitable[None]]
) -> None:
    """A channel that holds back lists, as their length does where there are many calls."""
    await page.add_init_script(HOLD_BACK)
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#subscriptions")).to_contain_text("live")
    await call(page, "Local/600@default")
    await page.evaluate("window.holding = true")
    await page.click("#calls-refresh")
    # Not by wait_for_function: its second look is an eval in the page, which the console forbids.
    await until(lambda: page.evaluate("held.length === 2"), what="both lists are held back")
    await hang_up()
    await expect(page.locator("#channels")).to_contain_text("No calls")
    await page.evaluate("held.forEach((pass) => pass())")
    await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert await page.locator("#channels button").count() == 0


THOUSANDS = """
const { set } = Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, "onmessage");
const numbered = (one, number) => ({ ...one, id: `${number}`, name: `many/${number}` });
const many = (one, count) => Array.from({ length: count }, (_, number) => numbered(one, number));
Object.defineProperty(RTCDataChannel.prototype, "onmessage", {
  set(listener) {
    set.call(this, listener && (({ data }) => {
      for (const message of [JSON.parse(data)].flat()) {
        if (message.type === "reply" && message.body?.[0]?.dialplan) message.body = many(message.body[0], 10_000);
        listener({ data: JSON.stringify(message) });
      }
    }));
  },
});
"""


async def test_ten_thousand_calls_do_not_stop_the_page(
    page: Page, gateway: Gateway, hang_up: Callable[[], Awaitable[None]]
) -> None:
    """A list made longer on its way: a test has no Asterisk with so many calls."""
    await page.add_init_script(THOUSANDS)
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#subscriptions")).to_contain_text("live")
    await call(page, "Local/600@default")
    await page.click("#calls-refresh")
    # What the call itself has by then may come on top.
    await expect(page.locator("#calls-count")).to_have_text(re.compile("^1000[0-2] channels$"))
    assert await page.locator("#channels li").count() <= 501
    assert await page.locator("#channel-ids option").count() <= 501
    await expect(page.locator("#channels li").last).to_have_text(re.compile("^and 950[0-2] more$"))
    await hang_up()


async def test_endpoints_of_several_asterisks_are_offered(
    gateways: Gateways, page: Page, asterisk22: PrivateAsterisk
) -> None:
    both = [target(asterisk22, name=name, app=name) for name in ("north", "south")]
    gateway = await gateways.start(*both, server={"console": True})
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#endpoints option").first).to_be_attached()


async def test_operations_are_those_of_the_asterisk_that_was_chosen_last(
    gateways: Gateways, page: Page, asterisk22: PrivateAsterisk, asterisk16: PrivateAsterisk
) -> None:
    both = [target(asterisk22, name="new"), target(asterisk16, name="old")]
    gateway = await gateways.start(*both, server={"console": True})
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await page.route("**/v1/catalogue/new", hold)
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await page.select_option("#target", "old")
    await expect(page.locator("#operation-list option[value='channels.hangup']")).to_be_attached()
    assert held
    async with page.expect_response("**/v1/catalogue/new") as late:
        for route in held:
            await route.continue_()
    await (await late.value).finished()
    await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert await page.locator("#operation-list option[value='channels.progress']").count() == 0


async def test_a_renewed_gateway_is_met_with_its_own_modules(gateway: Gateway) -> None:
    """Without a Cache-Control browsers keep modules for days, and run old ones beside new ones."""
    async with aiohttp.ClientSession() as http:
        for path in ("/", "/aribridge.js", "/client/requests.js", "/console/main.js"):
            async with http.get(gateway.url + path) as response:
                assert (response.status, response.headers.get("Cache-Control")) == (200, "no-cache"), path


async def test_a_link_signs_in_where_the_console_is_open_already(page: Page, gateway: Gateway) -> None:
    await page.goto(gateway.url)
    await expect(page.locator("#sign-in")).to_be_visible()
    await page.goto(f"{gateway.url}/#token={gateway.token()}")
    await expect(page.locator("#status")).to_contain_text("alice")
    assert page.url == f"{gateway.url}/"
    await page.goto(f"{gateway.url}/#token={gateway.token(sub='bob')}")
    await expect(page.locator("#status")).to_contain_text("bob")
    assert page.url == f"{gateway.url}/"
