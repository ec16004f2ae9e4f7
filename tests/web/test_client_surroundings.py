"""aribridge.js amid what browsers do around it: WebRTC that is blocked, pages left and frozen, machines that sleep."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from models.gateway_clients import ari
from real.browser import FLAGS
from real.firefox import outcome_in_firefox
from real.gateway import target
from real.machine import program
from real.proxy import faulty_proxy
from real.wait import until
from web.kit import KEPT_SOCKETS, LOSE, WITHIN, ClientPage, bundle, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from playwright.async_api import Page, Playwright, Route
    from real.browser import PageErrors
    from real.gateway import Gateway, Gateways
    from real.pages import Pages

    from aribridge.asterisk.instance import PrivateAsterisk

BLOCKED = {
    "taken away": "window.RTCPeerConnection = undefined;",
    "throws": "window.RTCPeerConnection = function () { throw new Error('blocked by an extension'); };",
    "hangs": "RTCPeerConnection.prototype.createOffer = () => new Promise(() => {});",
}
BLOCKED_FOR_NOW = """
window.tried = 0;
const { createOffer, setRemoteDescription } = RTCPeerConnection.prototype;
RTCPeerConnection.prototype.createOffer = function () { tried += 1; return createOffer.call(this); };
RTCPeerConnection.prototype.setRemoteDescription = async () => {};
window.unblock = () => (RTCPeerConnection.prototype.setRemoteDescription = setRemoteDescription);
"""
CONNECTED = """
try {
  const bridge = await within(connect(given), 28_000);
  bridge.close();
  return ["connected"];
} catch ({ name, code, message }) {
  return [name, code, message];
}
"""

AT_ONCE = 7.0
"""Seconds, sooner than a peer is given up that has fallen silent."""


async def clients_are(gateway: Gateway, count: int) -> bool:
    metrics = await gateway.metrics()
    return sum(value for name, value in metrics.items() if name.startswith("aribridge_connections{")) == count


# ---- no WebRTC ----


@pytest.mark.parametrize(("how", "says"), [("taken away", "no WebRTC"), ("throws", "extension"), ("hangs", "10 s")])
async def test_a_data_channel_where_webrtc_is_blocked_is_refused_in_clear_words(
    client: ClientPage, gateway: Gateway, how: str, says: str
) -> None:
    given = {"url": gateway.url, "token": gateway.token(), "carrier": "datachannel"}
    name, code, message = await client.do(f"{BLOCKED[how]} {WITHIN} {CONNECTED}", given)
    assert (name, code) == ("AriError", "unreachable")
    assert says in message


@pytest.mark.parametrize("how", BLOCKED)
async def test_auto_takes_the_websocket_where_webrtc_is_blocked(client: ClientPage, gateway: Gateway, how: str) -> None:
    await client.do(BLOCKED[how])
    await client.connect(gateway)
    assert await client.do("return bridge.carrier") == "websocket"


async def test_firefox_without_webrtc(gateway: Gateway, project: Path, pages: Pages, client_url: str) -> None:
    given = {"url": gateway.url, "token": gateway.token()}
    source = f"""import {{ connect }} from "aribridge";
        const carrier = (options) => connect({{ ...{json.dumps(given)}, ...options }})
          .then((bridge) => bridge.carrier, ({{ code }}) => code);
        window.outcome = Promise.all([carrier({{}}), carrier({{ carrier: "datachannel" }})]);"""
    await bundle(project, "no-webrtc", source)
    url = pages.url("project/no-webrtc.html")
    assert await outcome_in_firefox(url, {"media.peerconnection.enabled": False}) == ["websocket", "unreachable"]


async def test_it_works_in_a_web_worker(client: ClientPage, gateway: Gateway, project: Path) -> None:
    source = """import { connect } from "aribridge";
        onmessage = async ({ data }) => {
          const bridge = await connect(data);
          postMessage([bridge.carrier, (await bridge.ari.asterisk.ping()).ping]);
          bridge.close();
        };"""
    await bundle(project, "worker", source)
    said = await client.do(
        """const worker = new Worker("worker.bundle.js", { type: "module" });
           const answer = new Promise((resolve, reject) => {
             worker.onmessage = ({ data }) => resolve(data);
             worker.onerror = ({ message }) => reject(new Error(message));
           });
           worker.postMessage(given);
           return await answer;""",
        {"url": gateway.url, "token": gateway.token()},
    )
    assert said == ["websocket", "pong"]


async def test_node_is_told_that_it_has_no_webrtc(project: Path) -> None:
    (project / "no-webrtc.mjs").write_text(
        """import { connect } from "aribridge";
           const refused = ({ code, message }) => console.log(code, message);
           await connect({ url: "http://127.0.0.1:9", token: "t", carrier: "datachannel" }).catch(refused);"""
    )
    assert "unreachable There is no WebRTC here" in await run(program("node"), "no-webrtc.mjs", cwd=project)


async def test_a_page_of_https_is_told_that_the_gateways_address_is_not(
    page: Page, project: Path, client_url: str, page_errors: PageErrors
) -> None:
    page_errors.expect("Mixed Content|insecure")

    async def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        await route.fulfill(path=project / name)

    await page.route("https://page.example/**", serve)
    client = ClientPage(page)
    await page.goto("https://page.example/client.html")
    await client.until("'connect' in window")
    given = {"url": "http://gateway.example", "token": "t"}
    name, code, message = await client.do(f"{WITHIN} {CONNECTED}", given)
    assert (name, code) == ("AriError", "unreachable")
    assert "page loaded over HTTPS" in message


async def test_it_moves_to_a_data_channel_when_one_opens_after_all_and_nothing_is_lost(
    client: ClientPage, gateway: Gateway, asterisk22: PrivateAsterisk
) -> None:
    """A command is on its way then, events come all the time, and a call would end with the smallest loss."""
    await client.page.clock.install()
    await client.do(
        f"""{BLOCKED_FOR_NOW}
           window.held = [];
           window.WebSocket = class FaultySocket extends WebSocket {{
             set onmessage(listener) {{
               const isHeld = ({{ data }}) => window.holds && data.includes("startup_time");
               const take = (message) => (isHeld(message) ? held.push(() => listener(message)) : listener(message));
               super.onmessage = listener && take;
             }}
           }};"""
    )
    await client.connect(gateway)
    await client.do(
        """window.channelId = crypto.randomUUID();
           const own = { onLoss: "hangup", graceMs: 0 };
           await ari.channels.originate({ endpoint: "Local/600@default", channelId }, { own });
           const onEvent = ({ userevent }) => seen.events.push(Number(userevent.number));
           await bridge.subscribe({ filter: { type: ["ChannelUserevent"] }, onEvent });"""
    )

    async with ari(asterisk22) as call, telling(call) as told:
        await pass_time(client, "tried === 2")
        assert await client.do("return [bridge.carrier, seen.states, tried]") == ["websocket", [], 2]
        await client.do(
            """unblock();
               window.holds = true;
               window.info = ari.asterisk.getInfo();"""
        )
        await client.until("held.length")
        await pass_time(client, "tried === 3")
        await client.until("bridge.carrier === 'datachannel'")
        await client.do("await ari.asterisk.ping()")
        await client.do("held.forEach((release) => release())")
        assert "system" in await client.do("return await info")
        await client.until(f"seen.events.at(-1) > {told()}")
        assert await client.do("return [bridge.carrier, seen.states, seen.gaps]") == ["datachannel", ["open"], []]
        numbers = await client.do("return seen.events")
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        await client.page.clock.fast_forward(25_000)
        await client.do("await ari.asterisk.ping()")
        await client.page.clock.fast_forward(25_000)
        await client.do("await ari.asterisk.ping()")
        await client.page.clock.fast_forward(25_000)
        await until(lambda: clients_are(gateway, 1), what="the WebSocket is left")
        assert (await client.do("return await ari.channels.get({ channelId })"))["id"]
        await client.do("bridge.close()")
        await until(lambda: nothing(call), what="the call went with its page")


async def test_what_is_subscribed_to_as_it_moves_to_a_data_channel_comes_once(
    client: ClientPage, gateway: Gateway, asterisk22: PrivateAsterisk
) -> None:
    await client.page.clock.install()
    await client.do(
        f"""{BLOCKED_FOR_NOW}
            const {{ send }} = RTCDataChannel.prototype;
            window.received = [];
            RTCDataChannel.prototype.send = function (text) {{
              send.call(this, text);
              if (!text.includes('"type":"hello"')) return;
              this.addEventListener("message", (message) => received.push(message.data));
              const onEvent = ({{ eventname }}) => seen.events.push(eventname);
              bridge.subscribe({{ filter: {{ type: ["ChannelUserevent"] }}, onEvent }});
            }};"""
    )
    await client.connect(gateway)
    await client.do("unblock()")
    await pass_time(client, "tried === 2")
    await client.until("bridge.carrier === 'datachannel' && ['live', 'replay'].includes(bridge.subscriptions[0].state)")
    async with ari(asterisk22) as call:
        await call("POST", "/events/user/moved", application="aribridge")
    await client.until("seen.events.length")
    await client.do("await ari.asterisk.ping()")
    frames = await client.do("return received.join()")
    assert (frames.count('"type":"event"'), await client.do("return seen.events")) == (1, ["moved"])


async def test_a_data_channel_that_is_refused_costs_the_websocket_nothing(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    limits = {"subject_connections": 1}
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]}, limits=limits)
    await client.page.clock.install()
    await client.do(BLOCKED_FOR_NOW)
    await client.connect(gateway)
    await client.do("unblock()")
    await pass_time(client, "tried === 2")
    await until(lambda: any('"too_many_connections"' in line for line in gateway.log), what="the channel is refused")
    await pass_time(client, "tried === 3")
    ping = await client.do("return await ari.asterisk.ping()")
    assert (ping["ping"], await client.do("return [bridge.carrier, seen.states]")) == ("pong", ["websocket", []])


async def pass_time(client: ClientPage, until: str) -> None:
    """Let time go by, but not so much at once that the connection would seem silent."""
    for _ in range(20):
        if await client.do(f"return {until}"):
            return
        await client.page.clock.fast_forward(25_000)
        await client.do("await ari.asterisk.ping()")


@asynccontextmanager
async def telling(call: Any) -> AsyncIterator[Callable[[], int]]:
    """User events, numbered, one after another; the number of the last."""
    number = 0

    async def tell() -> None:
        nonlocal number
        while True:
            number += 1
            variables = {"variables": {"number": str(number)}}
            await call("POST", "/events/user/tick", variables, application="aribridge")
            await asyncio.sleep(0.01)

    task = asyncio.create_task(tell())
    try:
        yield lambda: number
    finally:
        task.cancel()
        await asyncio.wait([task])


async def nothing(call: Any) -> bool:
    return not await call("GET", "/channels")


# ---- tokens ----


async def test_a_token_function_that_never_settles_is_given_up_and_asked_again(
    client: ClientPage, gateway: Gateway
) -> None:
    await client.page.clock.install()
    await client.do(
        f"""{KEPT_SOCKETS}
           window.asked = 0;
           window.seen = {{ states: [] }};
           const token = () => ++asked === 2 ? new Promise(() => {{}}) : given.token;
           window.bridge = await connect({{ ...given, token }});
           bridge.on("state", ({{ state, reason }}) => seen.states.push(`${{state}}: ${{reason}}`));
           {LOSE}""",
        {"url": gateway.url, "token": gateway.token(), "carrier": "websocket"},
    )
    await client.until("asked === 2")
    await client.page.clock.fast_forward(31_000)
    await client.until("bridge.state === 'open'")
    assert "waiting: The token function gave none within 30 s." in await client.do("return seen.states")


async def test_a_token_is_renewed_so_early_that_timers_may_be_a_minute_late(
    client: ClientPage, gateway: Gateway
) -> None:
    """As in a page in the background, where browsers run timers once a minute."""
    await client.page.clock.install()
    await client.do(
        """window.asked = 0;
           window.bridge = await connect({ url: given.url, token: () => (++asked, given.token) });""",
        {"url": gateway.url, "token": gateway.token(minutes=10)},
    )
    for _ in range(21):
        await client.page.clock.fast_forward(25_000)
        await client.do("await bridge.ari.asterisk.ping()")
    assert await client.do("return [asked, bridge.state]") == [2, "open"]


# ---- the machine and its network ----


async def test_after_a_sleep_it_is_found_out_soon_whether_the_connection_survived(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("WebSocket connection")
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]})
    async with faulty_proxy(gateway.port) as proxy:
        await client.page.clock.install()
        await client.connect(gateway, url=f"http://127.0.0.1:{proxy.port}", carrier="websocket")
        proxy.freeze()
        # The clock goes on while the machine sleeps, timers do not.
        await client.page.clock.set_system_time(time.time() + 3600)
        await client.until("seen.states.includes('waiting')")
        assert await client.do("return bridge.reason") == "the machine was asleep"
        proxy.thaw()
        proxy.drop()
        await client.until("bridge.state === 'open'")


async def test_a_network_that_goes_is_told_at_once(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("WebSocket connection|ERR_INTERNET_DISCONNECTED")
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]})
    async with faulty_proxy(gateway.port) as proxy:
        await client.connect(gateway, url=f"http://127.0.0.1:{proxy.port}", carrier="websocket")
        proxy.freeze()
        await client.page.context.set_offline(True)
        await client.until("bridge.state === 'waiting'")
        assert await client.do("return bridge.reason") == "the network is gone"
        proxy.thaw()
        proxy.drop()
        await client.page.context.set_offline(False)
        await client.until("bridge.state === 'open'")


async def test_a_browser_that_is_wrong_about_being_offline_comes_back_nevertheless(
    client: ClientPage, gateway: Gateway
) -> None:
    await client.page.clock.install()
    await client.do(f"{KEPT_SOCKETS} Object.defineProperty(navigator, 'onLine', {{ value: false }});")
    await client.connect(gateway, carrier="websocket")
    await client.do(LOSE)
    await client.until("bridge.state === 'waiting'")
    await client.page.clock.fast_forward(61_000)
    await client.until("bridge.state === 'open'")


# ---- pages that are left ----


@pytest.mark.parametrize("carrier", ["datachannel", "websocket"])
async def test_the_gateway_knows_at_once_of_a_tab_that_was_closed(
    client: ClientPage, gateway: Gateway, carrier: str
) -> None:
    await until(lambda: clients_are(gateway, 0))
    await client.connect(gateway, carrier=carrier)
    await client.page.close()
    await until(lambda: clients_are(gateway, 0), within=AT_ONCE)


@pytest.mark.parametrize("carrier", ["datachannel", "websocket"])
async def test_a_page_that_comes_back_out_of_the_browsers_cache_is_connected_again(
    playwright: Playwright, gateway: Gateway, pages: Pages, client_url: str, carrier: str
) -> None:
    await until(lambda: clients_are(gateway, 0))
    browser = await playwright.chromium.launch(
        executable_path=program("chromium"), args=list(FLAGS), ignore_default_args=["--disable-back-forward-cache"]
    )
    kept, pages.headers = pages.headers, {}
    try:
        client = ClientPage(await browser.new_page())
        await client.page.goto(client_url)
        await client.until("'connect' in window")
        await client.connect(gateway, carrier=carrier)
        await client.page.goto(pages.url("pages/plain.html"))
        await until(lambda: clients_are(gateway, 0), within=AT_ONCE)
        await client.do("setTimeout(() => history.back())")
        await client.page.wait_for_url(client_url, wait_until="commit")
        assert await client.do("return 'bridge' in window"), "Chromium did not keep the page"
        await client.until("bridge.state === 'open' && seen.states.includes('waiting')")
        assert (await client.do("return await ari.asterisk.ping()"))["ping"] == "pong"
    finally:
        pages.headers = kept
        await browser.close()
