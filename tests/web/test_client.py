"""aribridge.js in real Chromium, Firefox and Node against the real gateway."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from models.gateway_clients import ari
from playwright.async_api import Error
from real.gateway import target
from real.issuer import NAME, issuing
from real.machine import program
from real.proxy import faulty_proxy
from real.wait import until
from web.kit import ClientPage, bundle, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from real.browser import PageErrors
    from real.gateway import Gateway, Gateways
    from real.pages import Pages

    from aribridge.asterisk.instance import PrivateAsterisk

CALL = """
const channelId = crypto.randomUUID();
const story = [];
const over = new Promise((resolve) => {
  ari.on("*", ({ type, channel }) => {
    if (channel?.id !== channelId) return;
    story.push(type);
    if (type === "StasisStart") ari.channels.hangup({ channelId });
    if (type === "ChannelDestroyed") resolve();
  });
});
const channel = await ari.channels.originate({ endpoint: "Local/600@default", channelId });
await over;
const names = ["ChannelCreated", "StasisStart", "StasisEnd", "ChannelDestroyed"];
return { name: channel.name, story: story.filter((type) => names.includes(type)) };
"""
STORY = ["ChannelCreated", "StasisStart", "StasisEnd", "ChannelDestroyed"]


@pytest.mark.parametrize("carrier", ["datachannel", "websocket"])
async def test_a_call(client: ClientPage, gateway: Gateway, carrier: str) -> None:
    token = gateway.token()
    await client.connect(gateway, token, carrier=carrier)
    assert await client.do("return bridge.carrier") == carrier
    call = await client.do(CALL)
    assert call["name"].startswith("Local/600@default")
    assert call["story"] == STORY
    assert not [url for url in client.urls if token in url]


async def test_a_token_by_a_key_that_the_gateway_has_yet_to_fetch(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    async with issuing() as issuer:
        jwt = [{"algorithm": "ES256", "jwks_url": issuer.url, "issuer": NAME}]
        gateway = await gateways.start(target(asterisk22), auth={"jwt": jwt}, server={"origins": [pages.origin]})
        await until(lambda: issuer.asked)
        issuer.rotate()
        await client.connect(gateway, issuer.token(), carrier="websocket")
        assert await client.do("return bridge.carrier") == "websocket"
        assert issuer.asked == 2


async def test_auto_takes_the_data_channel(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    assert await client.do("return bridge.carrier") == "datachannel"


async def test_auto_takes_the_websocket_where_udp_is_blocked(client: ClientPage, gateway: Gateway) -> None:
    # A real browser's UDP can't be blocked from here; a peer that never hears the answer is the same to the client.
    await client.do("RTCPeerConnection.prototype.setRemoteDescription = async () => {}")
    await client.connect(gateway)
    assert await client.do("return bridge.carrier") == "websocket"
    assert (await client.do("return await bridge.request('GET', '/asterisk/info')"))["status"] == 200


async def test_firefox(
    firefox: Callable[[str], Awaitable[Any]], gateway: Gateway, project: Path, pages: Pages, client_url: str
) -> None:
    options = json.dumps({"url": gateway.url, "token": gateway.token(), "carrier": "datachannel"})
    source = f'import {{ connect }} from "aribridge"; const call = async (ari) => {{ {CALL} }};'
    await bundle(
        project, "firefox", f"{source} window.outcome = connect({options}).then((bridge) => call(bridge.ari));"
    )
    assert (await firefox(pages.url("project/firefox.html")))["story"] == STORY


async def test_node_with_a_websocket_class(gateway: Gateway, project: Path) -> None:
    options = f"url: {json.dumps(gateway.url)}, token: {json.dumps(gateway.token())}"
    (project / "node.mjs").write_text(
        f"""import {{ connect }} from "aribridge";
            import {{ createRequire }} from "node:module";
            const {{ WebSocket }} = createRequire(process.env.NODE_PATH + "/")("ws");
            const bridge = await connect({{ {options}, WebSocket }});
            console.log(bridge.carrier, (await bridge.ari.asterisk.ping()).ping);
            bridge.close();"""
    )
    assert await run(program("node"), "node.mjs", cwd=project) == "websocket pong\n"


async def test_errors_say_what_happened(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    fields = "return ['name', 'status', 'code', 'source', 'outcome', 'body'].map((field) => error[field]);"
    asterisk = await client.do(f"try {{ await ari.channels.get({{ channelId: 'x' }}) }} catch (error) {{ {fields} }}")
    assert asterisk[:5] == ["AriError", 404, "asterisk_error", "asterisk", "not_applied"]
    assert asterisk[5]["message"]
    ours = await client.do(f"try {{ await ari.channels.originate({{}}) }} catch (error) {{ {fields} }}")
    assert ours[:5] == ["AriError", 400, "missing_parameter", "gateway", "not_applied"]
    large = await client.do(f"try {{ await bridge.message('x'.repeat(70000)) }} catch (error) {{ {fields} }}")
    assert large[1:5] == [0, "frame_too_large", "client", "not_applied"]


async def test_a_reply_longer_than_a_frame_comes_whole(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    sounds = await client.do("return await ari.sounds.list()")
    assert len(json.dumps(sounds)) > 65536
    assert "hello-world" in {sound["id"] for sound in sounds}


async def test_more_commands_at_once_than_the_gateway_takes_wait_their_turn(
    client: ClientPage, gateway: Gateway
) -> None:
    await client.connect(gateway)
    answers = await client.do("return await Promise.all(Array.from({ length: 300 }, () => ari.asterisk.ping()))")
    assert {answer["ping"] for answer in answers} == {"pong"}


async def test_filtered_subscriptions(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    await client.do(
        """const onEvent = ({ type }, meta) => seen.events.push([type, meta.subscription.position.seq === meta.seq]);
           window.sub = await bridge.subscribe({ filter: { type: ["Stasis*"] }, onEvent });"""
    )
    await client.do(CALL)
    await client.until("seen.events.length === 2")
    assert await client.do("return seen.events") == [["StasisStart", True], ["StasisEnd", True]]
    await client.do("sub.close()")
    await client.do(CALL)
    assert await client.do("return [seen.events.length, sub.state, seen.gaps]") == [2, "closed", []]


async def test_a_refused_subscription_rejects(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    wrong = "try { await bridge.subscribe({ filter: { chanel: [] } }) } catch (error) { return error.code }"
    assert await client.do(wrong) == "bad_filter"
    assert await client.do("return bridge.subscriptions.length") == 0


async def test_a_missing_event_is_found_out(client: ClientPage, gateway: Gateway) -> None:
    """A socket that loses one event is what no real carrier does."""
    await client.do(
        """window.FaultySocket = class extends WebSocket {
             lost = false;
             set onmessage(listener) {
               super.onmessage = ({ data }) => {
                 const kept = [JSON.parse(data)].flat().filter(this.pass);
                 listener?.({ data: JSON.stringify(kept) });
               };
             }
             pass = ({ data }) => {
               const lose = data?.type === "ChannelCreated" && !this.lost;
               if (lose) this.lost = window.lost = data.channel.id;
               return !lose;
             };
           };"""
    )
    given = {"url": gateway.url, "token": gateway.token(), "carrier": "websocket"}
    await client.do(
        """window.gaps = []; window.events = [];
           window.bridge = await connect({ ...given, WebSocket: FaultySocket });
           window.ari = bridge.ari;
           const onGap = ({ reason, next }) => gaps.push([reason, next]);
           const onEvent = ({ type, channel }) => events.push([type, channel?.id].join());
           await bridge.subscribe({ onGap, onEvent });""",
        given,
    )
    await client.do("window.channel = await ari.channels.originate({ endpoint: 'Local/600@default' })")
    await client.until("events.includes(`StasisStart,${channel.id}`)")
    await client.do("await ari.channels.hangup({ channelId: channel.id })")
    await client.until("events.includes(`ChannelDestroyed,${channel.id}`)")
    assert await client.do("return [events.filter((it) => it.endsWith(lost))[0], gaps.length]") == [
        await client.do("return `ChannelCreated,${lost}`"),
        0,
    ]


async def test_a_lost_gateway_is_found_again(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("Failed to load resource|WebSocket connection|ERR_CONNECTION_REFUSED")
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]})
    await client.connect(gateway)
    await client.do("await bridge.subscribe({ onEvent: ({ type }) => seen.events.push(type) })")
    await gateway.stop()
    await client.until("bridge.state !== 'open'")
    code = "try { await ari.asterisk.ping() } catch (error) { return [error.code, error.outcome, error.retry] }"
    assert await client.do(code) == ["not_connected", "not_applied", "after"]
    await gateway.start()
    await client.until("bridge.state === 'open' && seen.gaps.length", seconds=40)
    assert "waiting" in await client.do("return seen.states")
    await client.do(CALL)
    assert "StasisStart" in await client.do("return seen.events")


async def test_what_was_sent_before_the_loss_is_of_unknown_outcome(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("Failed to load resource|WebSocket connection|ERR_CONNECTION_REFUSED")
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]})
    await client.connect(gateway, carrier="websocket")
    await client.do("window.left = ari.sounds.list().catch(({ code, outcome }) => [code, outcome]); bridge.close();")
    assert await client.do("return await left") == ["connection_lost", "unknown"]
    assert await client.do("return [bridge.state, bridge.reason]") == ["closed", "closed by the page"]


KEYED = """
window.settled = [];
const told = (how) => ({ id, code, outcome }) => settled.push([how, id ?? code, outcome]);
ari.channels.originate({ endpoint: "Local/600@default" }, { key: "k" }).then(told("resolved"), told("rejected"));
"""


@asynccontextmanager
async def keyed_originate(
    client: ClientPage, gateways: Gateways, asterisk: PrivateAsterisk, pages: Pages
) -> AsyncIterator[Gateway]:
    """A page that sent a keyed originate, which made its call, and loses the connection before the reply at the end."""
    gateway = await gateways.start(target(asterisk), server={"origins": [pages.origin]})
    async with faulty_proxy(gateway.port) as proxy, ari(asterisk) as call:
        await asterisk.cli("channel request hangup all")  # a test that failed may have left some
        await until(lambda: nothing(call), what="no call of an earlier test is left")
        await client.connect(gateway, url=f"http://127.0.0.1:{proxy.port}", carrier="websocket")
        proxy.mute()
        await client.do(KEYED)
        await until(lambda: channels(call), what="the call is there")
        yield gateway
        proxy.unmute()
        proxy.drop()
        await client.until("settled.length", seconds=40)


async def test_a_keyed_command_is_sent_again_after_a_lost_connection(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("WebSocket connection")
    async with ari(asterisk22) as call:
        async with keyed_originate(client, gateways, asterisk22, pages):
            pass
        made = [one["id"] for one in await call("GET", "/channels") if one["name"].endswith(";1")]
        assert await client.do("return [bridge.welcome.resumed, settled]") == [True, [["resolved", *made, None]]]
        for channel in made:
            await call("DELETE", f"/channels/{channel}")
        await until(lambda: nothing(call), what="no call is left")


async def test_a_restarted_gateway_is_not_sent_it_again(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("Failed to load resource|WebSocket connection|ERR_CONNECTION_REFUSED")
    async with ari(asterisk22) as call:
        async with keyed_originate(client, gateways, asterisk22, pages) as gateway:
            await gateway.kill()
            for channel in await channels(call):
                await call("DELETE", f"/channels/{channel}")
            await gateway.start()
        lost = ["rejected", "connection_lost", "unknown"]
        assert await client.do("return [bridge.welcome.resumed, settled]") == [False, [lost]]
        await until(lambda: nothing(call), what="no call is left")


async def test_a_page_that_is_gone_takes_its_call_along(
    client: ClientPage, gateway: Gateway, asterisk22: PrivateAsterisk
) -> None:
    await client.connect(gateway)
    own = "{ own: { onLoss: 'hangup', graceMs: 100 } }"
    channel = await client.do(f"return (await ari.channels.originate({{ endpoint: 'Local/600@default' }}, {own})).id")
    async with ari(asterisk22) as call:
        assert channel in await channels(call)
        await client.page.close()
        await until(lambda: nothing(call), what="no call is left")


async def channels(call: Any) -> list[str]:
    return [channel["id"] for channel in await call("GET", "/channels")]


async def nothing(call: Any) -> bool:
    return not await channels(call)


async def test_a_fresh_token_is_asked_for_before_the_old_one_expires(client: ClientPage, gateway: Gateway) -> None:
    tokens = [gateway.token(minutes=1), gateway.token()]
    await client.page.clock.install()
    await client.do(
        """window.asked = 0;
           window.bridge = await connect({ url: given.url, token: async () => given.tokens[asked++] });
           window.first = bridge.expiresAt;""",
        {"url": gateway.url, "tokens": tokens},
    )
    await client.page.clock.fast_forward(20_000)
    await client.do("await bridge.ari.asterisk.ping()")
    await client.page.clock.fast_forward(20_000)
    await client.until("bridge.expiresAt - first > 300_000")
    assert await client.do("return [asked, bridge.state]") == [2, "open"]


async def test_a_token_that_cannot_be_renewed_ends_the_connection(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]}, auth={"leeway": 0.0})
    await client.connect(gateway, gateway.token(minutes=0.08))
    await client.until("bridge.state === 'closed'")
    assert "expired" in await client.do("return bridge.reason")


@pytest.mark.parametrize("carrier", ["datachannel", "websocket"])
async def test_a_wrong_token_is_refused(
    client: ClientPage, gateway: Gateway, page_errors: PageErrors, carrier: str
) -> None:
    page_errors.expect("401")
    refused = "try { await connect(given) } catch (error) { return [error.status, error.code] }"
    given = {"url": gateway.url, "token": "nonsense", "carrier": carrier}
    assert await client.do(refused, given) == [401, "unauthorized"]


async def test_silence_up_to_the_next_ping_is_no_loss(client: ClientPage, gateway: Gateway) -> None:
    await client.page.clock.install()
    async with faulty_proxy(gateway.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        await client.connect(gateway, url=url, carrier="websocket")
        await client.page.clock.fast_forward(30_000)
        await client.do("await ari.asterisk.ping()")
        assert await client.do("return seen.states") == []
        proxy.freeze()
        await client.page.clock.fast_forward(36_000)
        await client.until("bridge.reason === 'the gateway fell silent'")
        proxy.thaw()


async def test_pings_are_answered(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages
) -> None:
    limits = {"ping_seconds": 0.1, "pong_seconds": 2.0}
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]}, limits=limits)
    await client.do("RTCDataChannel.prototype.plain = RTCDataChannel.prototype.send; window.pongs = 0;")
    await client.do(
        """RTCDataChannel.prototype.send = function (text) {
             window.pongs += text.includes('"pong"');
             return this.plain(text);
           };"""
    )
    await client.connect(gateway)
    await client.until("window.pongs > 22")  # the first one's time would be over
    assert await client.do("return [bridge.state, seen.states]") == ["open", []]


async def test_a_connection_that_survives_a_change_of_network_is_kept(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    await client.do("window.dispatchEvent(new Event('online')); await ari.asterisk.ping();")
    assert await client.do("return seen.states") == []


async def test_a_connection_that_does_not_is_made_anew(client: ClientPage, gateway: Gateway) -> None:
    """A socket that hears nothing any more, as one has whose network is gone."""
    await client.do(
        """window.FaultySocket = class extends WebSocket {
             set onmessage(listener) {
               super.onmessage = (message) => window.deaf || listener?.(message);
             }
           };
           window.states = [];
           window.bridge = await connect({ ...given, WebSocket: FaultySocket });
           bridge.on("state", ({ state }) => states.push(state));
           window.deaf = true;
           window.dispatchEvent(new Event("online"));""",
        {"url": gateway.url, "token": gateway.token(), "carrier": "websocket"},
    )
    await client.until("states.includes('waiting')")
    await client.do("window.deaf = false")
    await client.until("bridge.state === 'open'")


async def test_without_an_address_it_says_what_is_missing(project: Path) -> None:
    (project / "address.mjs").write_text('import { connect } from "aribridge"; await connect({ token: "t" });')
    with pytest.raises(AssertionError, match="give the gateway's address as url"):
        await run(program("node"), "address.mjs", cwd=project)


async def test_an_unknown_address_is_said_to_be_out_of_reach(
    client: ClientPage, gateway: Gateway, page_errors: PageErrors
) -> None:
    page_errors.expect("Failed to load resource|WebSocket connection|CORS")
    with pytest.raises(Error, match="No WebSocket to"):
        await client.connect(gateway, url="http://127.0.0.1:9")
