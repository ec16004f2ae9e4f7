"""aribridge.js where things go wrong around it: lost connections, late tokens, refusals, and commands amid them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from models.gateway_clients import ari
from real.gateway import target
from real.issuer import NAME, issuing, says
from real.proxy import faulty_proxy
from real.wait import until
from web.kit import KEPT_SOCKETS, LOSE, WITHIN

if TYPE_CHECKING:
    from real.browser import PageErrors
    from real.gateway import Gateway, Gateways
    from real.pages import Pages
    from web.kit import ClientPage

    from aribridge.asterisk.instance import PrivateAsterisk

BACK = "bridge.state === 'open' && seen.states.includes('open')"


async def test_a_command_that_cannot_be_written_takes_no_place_for_good(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    said = await client.do(
        f"""{WITHIN}
            const variables = {{}}; variables.self = variables;
            const send = () => ari.channels.originate({{ endpoint: "Local/600@default", variables }}).catch((it) => it);
            const refusals = Array.from({{ length: 100 }}, send);
            const ping = within(ari.asterisk.ping(), 20_000).catch(({{ message }}) => ({{ ping: message }}));
            return [(await ping).ping, (await refusals[0]).name, (await refusals[0]).outcome];"""
    )
    assert said == ["pong", "AriError", "not_applied"]


async def test_a_filter_that_cannot_be_written_does_not_keep_the_client_from_coming_back(
    client: ClientPage, gateway: Gateway
) -> None:
    await client.do(KEPT_SOCKETS)
    await client.connect(gateway, carrier="websocket")
    await client.do("await bridge.subscribe({ filter: { channel: [1n] } }).catch(() => {})")
    assert await client.do("return bridge.subscriptions.length") == 0
    await client.do(LOSE)
    await client.until(BACK)


async def test_who_listens_once_can_stop_listening(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    await client.do(
        """window.heard = [];
           const listener = () => heard.push("it");
           bridge.once("state", listener);
           bridge.off("state", listener);
           bridge.close();"""
    )
    assert await client.do("return heard") == []


async def test_who_stops_listening_amid_an_event_does_not_get_it(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    await client.do(
        """window.heard = [];
           const second = () => heard.push("second");
           bridge.on("state", () => bridge.off("state", second));
           bridge.on("state", second);
           bridge.close();"""
    )
    assert await client.do("return heard") == []


async def test_ari_listens_again_after_its_subscription_was_closed(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    await client.do("ari.on('StasisStart', () => {})")
    await client.until("bridge.subscriptions[0]?.state === 'live'")
    await client.do("bridge.subscriptions[0].close()")
    await client.do("ari.on('StasisStart', ({ channel }) => ari.channels.hangup({ channelId: channel.id }))")
    await client.do("ari.on('StasisEnd', ({ type }) => seen.events.push(type))")
    await client.until("bridge.subscriptions[0]?.state === 'live'")
    await client.do("await ari.channels.originate({ endpoint: 'Local/600@default' })")
    await client.until("seen.events.length")


async def test_a_connection_lost_while_a_key_is_fetched_is_given_up(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    async with issuing() as issuer:
        jwt = [{"algorithm": "ES256", "jwks_url": issuer.url, "issuer": NAME}]
        server, limits = {"origins": [pages.origin]}, {"hello_seconds": 2.0}
        gateway = await gateways.start(target(asterisk22), auth={"jwt": jwt}, server=server, limits=limits)
        await until(lambda: issuer.asked)
        issuer.rotate(publish=False)
        given = {"url": gateway.url, "token": issuer.token(), "carrier": "websocket"}
        refusal = "const refusal = within(connect(given), 28_000).catch((it) => it);"
        code = await client.do(f"{WITHIN} {refusal} return [(await refusal).code, (await refusal).retry]", given)
        assert code == ["unauthorized", "after"]


@pytest.mark.parametrize("carrier", ["datachannel", "websocket"])
async def test_who_comes_back_before_the_keys_do_is_let_in_when_they_are_there(
    client: ClientPage,
    gateways: Gateways,
    asterisk22: PrivateAsterisk,
    pages: Pages,
    page_errors: PageErrors,
    carrier: str,
) -> None:
    page_errors.expect("Failed to load resource|WebSocket connection|ERR_CONNECTION_REFUSED")
    async with issuing() as issuer:
        jwt = [{"algorithm": "ES256", "jwks_url": issuer.url, "issuer": NAME}]
        gateway = await gateways.start(target(asterisk22), auth={"jwt": jwt}, server={"origins": [pages.origin]})
        await client.connect(gateway, issuer.token(), carrier=carrier)
        await gateway.stop()
        issuer.answer = says("not now", status=503)
        before = issuer.asked
        await gateway.start()
        await until(lambda: issuer.asked > before + 1)
        issuer.answer = issuer.keys_published
        await client.until("bridge.state === 'open'", seconds=40)


async def test_a_command_sent_again_that_is_refused_then_may_have_run(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("WebSocket connection")
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]})
    async with faulty_proxy(gateway.port) as proxy, ari(asterisk22) as call:
        await until(lambda: nothing(call), what="no call of an earlier test is left")
        tokens = [gateway.token(), gateway.token(ops=["asterisk.*"])]
        await client.do(
            """window.settled = [];
               const token = () => given.tokens.shift();
               window.bridge = await connect({ url: given.url, carrier: "websocket", token });""",
            {"url": f"http://127.0.0.1:{proxy.port}", "tokens": tokens},
        )
        proxy.mute()
        await client.do(
            """bridge.ari.channels.originate({ endpoint: "Local/600@default" }, { key: "k" })
                 .catch(({ code, outcome }) => settled.push(code, outcome));"""
        )
        await until(lambda: call("GET", "/channels"), what="the call is there")
        proxy.unmute()
        proxy.drop()
        await client.until("settled.length", seconds=40)
        assert await client.do("return [bridge.welcome.resumed, ...settled]") == [True, "forbidden", "unknown"]
        for channel in await call("GET", "/channels"):
            await call("DELETE", f"/channels/{channel['id']}")


async def test_a_command_is_not_sent_again_when_its_key_may_be_forgotten(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("WebSocket connection")
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]})
    async with faulty_proxy(gateway.port) as proxy, ari(asterisk22) as call:
        await until(lambda: nothing(call), what="no call of an earlier test is left")
        await client.page.clock.install()
        await client.connect(gateway, url=f"http://127.0.0.1:{proxy.port}", carrier="websocket")
        proxy.mute()
        await client.do(
            """window.settled = [];
               ari.channels.originate({ endpoint: "Local/600@default" }, { key: "k" })
                 .then(() => settled.push("resolved"), ({ code, outcome }) => settled.push(code, outcome));"""
        )
        await until(lambda: call("GET", "/channels"), what="the call is there")
        proxy.unmute()
        proxy.refuse()
        proxy.drop()
        await client.until("bridge.state === 'waiting'")
        await client.page.clock.fast_forward(301_000)
        proxy.accept()
        await client.until("settled.length", seconds=40)
        assert await client.do("return [bridge.welcome.resumed, ...settled]") == [True, "connection_lost", "unknown"]
        for channel in await call("GET", "/channels"):
            await call("DELETE", f"/channels/{channel['id']}")


async def nothing(call: Any) -> bool:
    return not await call("GET", "/channels")


async def test_a_token_function_that_gives_the_same_token_again_is_not_asked_all_the_time(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    server, auth, limits = {"origins": [pages.origin]}, {"leeway": 0.0}, {"expiry_seconds": 0.2}
    gateway = await gateways.start(target(asterisk22), server=server, auth=auth, limits=limits)
    given = {"url": gateway.url, "token": gateway.token(exp=int(time.time()) + 5)}
    await client.do(
        """window.asked = 0;
           const token = () => { asked += 1; return given.token; };
           window.bridge = await connect({ url: given.url, token });
           bridge.on("error", () => {});
           bridge.once("state", () => bridge.close());""",
        given,
    )
    await client.until("bridge.state === 'closed'")
    assert await client.do("return asked") < 10


@pytest.mark.parametrize("rejection", ["undefined", "'logged out'", "new Error('the token server is away')"])
async def test_a_token_function_that_fails_is_asked_again(client: ClientPage, gateway: Gateway, rejection: str) -> None:
    await client.do(KEPT_SOCKETS)
    await client.do(
        f"""window.seen = {{ states: [] }};
            let asked = 0;
            const token = async () => {{
              asked += 1;
              if (asked === 2) throw {rejection};
              return given.token;
            }};
            window.bridge = await connect({{ url: given.url, token, carrier: "websocket" }});
            bridge.on("state", ({{ state }}) => seen.states.push(state));""",
        {"url": gateway.url, "token": gateway.token()},
    )
    await client.do(LOSE)
    await client.until(BACK)


async def test_who_closes_while_the_token_is_fetched_is_not_connected_any_more(
    client: ClientPage, gateway: Gateway
) -> None:
    await client.do(KEPT_SOCKETS)
    await client.do(
        """window.seen = { states: [] };
           let asked = 0;
           window.opened = new Promise((resolve) => (window.release = resolve));
           const token = async () => {
             asked += 1;
             if (asked < 2) return given.token;
             seen.asking = true;
             await opened;
             setTimeout(() => setTimeout(() => (seen.through = true)));
             return given.token;
           };
           window.bridge = await connect({ url: given.url, token, carrier: "websocket" });""",
        {"url": gateway.url, "token": gateway.token()},
    )
    await client.do(LOSE)
    await client.until("seen.asking")
    await client.do("bridge.close(); release();")
    await client.until("seen.through")
    assert await client.do("return sockets.length") == 1


async def test_a_subscription_refused_for_the_moment_is_taken_up_later(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    limits = {"rate": 10.0, "burst": 28}
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]}, limits=limits)
    await client.do(KEPT_SOCKETS)
    await client.connect(gateway, carrier="websocket")
    await client.do("await Promise.all([1, 2, 3, 4].map(() => bridge.subscribe()))")
    await client.do(LOSE)
    await client.until(BACK)
    await client.until("bridge.subscriptions.filter(({ state }) => state !== 'pending').length === 4")


async def test_a_carrier_that_fails_as_the_commands_are_sent_again_is_replaced(
    client: ClientPage, gateway: Gateway
) -> None:
    """A carrier whose send fails amid several: a data channel's does so when its association has just ended."""
    await client.do(
        """window.sockets = [];
           window.WebSocket = class FaultySocket extends WebSocket {
             constructor(...given) { super(...given); sockets.push(this); }
             set onmessage(listener) {
               super.onmessage = (message) => window.deaf || listener?.(message);
             }
             send(text) {
               if (sockets.length === 2 && text.includes('"k2"')) throw new Error("Could not send data");
               super.send(text);
             }
           };"""
    )
    await client.connect(gateway, carrier="websocket")
    await client.do(
        """window.deaf = true;
           window.settled = [];
           const settle = (how) => ({ outcome }) => settled.push([how, outcome]);
           for (const key of ["k1", "k2", "k3"]) {
             bridge.call("bridges.create", { type: "mixing" }, { key }).then(settle("resolved"), settle("rejected"));
           }"""
    )
    await client.do("window.seen.states.length = 0; sockets.at(-1).close(); window.deaf = false;")
    await client.until("settled.length === 3")
    assert await client.do("return settled") == [["resolved", None]] * 3
    await client.do("for (const { id } of await ari.bridges.list()) await ari.bridges.destroy({ bridgeId: id })")


async def test_a_fresh_token_that_could_not_be_had_at_first_is_asked_for_again_in_time(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]}, auth={"leeway": 0.0})
    tokens = [gateway.token(minutes=1), None, gateway.token()]
    await client.page.clock.install()
    await client.do(
        """window.seen = { states: [], errors: [] };
           const token = async () => given.tokens.shift() ?? Promise.reject(new Error("the token server is away"));
           window.bridge = await connect({ url: given.url, token });
           window.first = bridge.expiresAt;
           bridge.on("state", ({ state }) => seen.states.push(state));
           bridge.on("error", ({ message }) => seen.errors.push(message));""",
        {"url": gateway.url, "tokens": tokens},
    )
    for _ in range(3):
        await client.page.clock.fast_forward(17_000)
        await client.do("await bridge.ari.asterisk.ping()")
    await client.until("bridge.expiresAt - first > 300_000")
    assert await client.do("return [seen.states, seen.errors]") == [[], ["the token server is away"]]


async def test_a_fresh_token_that_comes_after_the_connection_is_not_shown_to_nobody(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]}, auth={"leeway": 0.0})
    await client.page.clock.install()
    await client.do(KEPT_SOCKETS)
    await client.do(
        """window.seen = { states: [], errors: [] };
           window.came = new Promise((resolve) => (window.come = resolve));
           window.asked = 0;
           const token = async () => {
             asked += 1;
             if (asked === 2) await came;
             return asked === 1 ? given.short : given.long;
           };
           window.bridge = await connect({ url: given.url, token, carrier: "websocket" });
           bridge.on("state", ({ state }) => seen.states.push(state));
           bridge.on("error", ({ code }) => seen.errors.push(code));""",
        {"url": gateway.url, "short": gateway.token(minutes=1), "long": gateway.token()},
    )
    await client.page.clock.fast_forward(20_000)
    await client.do("await bridge.ari.asterisk.ping()")
    await client.page.clock.fast_forward(20_000)
    await client.until("asked === 2")
    await client.do(f"{LOSE} bridge.once('state', come);")
    await client.until(BACK)
    await client.do(LOSE)
    await client.until(BACK)
    assert await client.do("return seen.errors") == []


async def test_secrets_of_turn_servers_may_hold_any_sign(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    secret = {"username": 'a "b" c', "credential": 'x\\y";z'}
    webrtc = {"ice_servers": [{"urls": "turn:127.0.0.1:9", **secret}]}
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]}, webrtc=webrtc)
    await client.do(
        """window.told = [];
           const { setConfiguration } = RTCPeerConnection.prototype;
           RTCPeerConnection.prototype.setConfiguration = function (configuration) {
             told.push(...configuration.iceServers);
             return setConfiguration.call(this, configuration);
           };"""
    )
    await client.connect(gateway)
    assert await client.do("return told") == [{"urls": "turn:127.0.0.1:9", **secret}]


@pytest.mark.parametrize("carrier", ["datachannel", "websocket"])
async def test_a_token_may_end_in_a_line_break_as_servers_send_text(
    client: ClientPage, gateway: Gateway, carrier: str
) -> None:
    await client.connect(gateway, gateway.token() + "\n", carrier=carrier)
    assert await client.do("return bridge.carrier") == carrier


async def test_a_command_that_was_not_sent_before_the_loss_can_be_tried_again(
    client: ClientPage, gateway: Gateway
) -> None:
    await client.do(KEPT_SOCKETS)
    await client.connect(gateway, carrier="websocket")
    lost = await client.do(
        f"""const told = ({{ outcome, retry }}) => `${{outcome}} ${{retry}}`;
            const pings = Array.from({{ length: 70 }}, () => ari.asterisk.ping().catch(told));
            {LOSE}
            return await Promise.all(pings);"""
    )
    assert set(lost) == {"unknown never", "not_applied after"}
