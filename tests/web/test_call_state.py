"""The state of calls in a page: there at once, right all the time, right again after a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from real.gateway import target

if TYPE_CHECKING:
    from real.gateway import Gateway, Gateways
    from real.pages import Pages
    from web.conftest import PageErrors
    from web.kit import ClientPage

    from aribridge.asterisk.instance import PrivateAsterisk

ORIGINATE = "window.channel = await ari.channels.originate({ endpoint: 'Local/600@default' })"
HANG_UP = "await ari.channels.hangup({ channelId: channel.id })"
FOLLOW = """window.changes = [];
            const onChange = (state, change) => changes.push(change);
            window.calls = await bridge.callState({ filter: given.filter, onChange });"""
SEE_BEGIN = """window.begun = [];
               const onEvent = ({ channel: { id } }) => begun.push(id);
               await bridge.subscribe({ filter: { type: ["StasisStart"] }, onEvent });"""


async def test_calls_come_change_and_go(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    await client.do(SEE_BEGIN)
    await client.do(ORIGINATE)
    await client.do(FOLLOW, {"filter": {"channel": ["*"]}})
    assert await client.do("return [calls.live, changes[0]]") == [True, None]
    await client.until("calls.channels[channel.id]?.state === 'Up'")
    # It is up before it is in the application, where alone it can come into a bridge.
    await client.until("begun.includes(channel.id)")
    await client.do("window.b = await ari.bridges.create({ type: 'mixing' })")
    assert await client.do("return b.id in calls.bridges") is False
    await client.do("await ari.bridges.addChannel({ bridgeId: b.id, channel: channel.id })")
    await client.until("calls.bridges[b.id]?.channels.includes(channel.id)")
    await client.do(HANG_UP)
    await client.until("!(channel.id in calls.channels) && !(b.id in calls.bridges)")
    await client.do("await ari.bridges.destroy({ bridgeId: b.id })")


async def test_after_a_restart_of_the_gateway_it_is_right_again(
    client: ClientPage, gateways: Gateways, asterisk22: PrivateAsterisk, pages: Pages, page_errors: PageErrors
) -> None:
    page_errors.expect("Failed to load resource|WebSocket connection|ERR_CONNECTION_REFUSED")
    gateway = await gateways.start(target(asterisk22), server={"origins": [pages.origin]})
    await client.connect(gateway)
    await client.do(SEE_BEGIN)
    await client.do(ORIGINATE)
    await client.do(FOLLOW, {"filter": {}})
    assert await client.do("return calls.live") is True
    # A call that comes to an application which has just left ends.
    await client.until("begun.includes(channel.id)")
    await gateway.stop()
    await client.until("bridge.state !== 'open'")
    assert await client.do("return calls.live") is False
    await gateway.start()
    await client.until("calls.live")
    assert await client.do("return [seen.gaps[0], channel.id in calls.channels]") == ["restarted", True]
    await client.do(HANG_UP)
    await client.until("!(channel.id in calls.channels)")


async def test_what_lacks_an_object_is_not_live(client: ClientPage, gateway: Gateway) -> None:
    await client.connect(gateway)
    await client.do(SEE_BEGIN)
    await client.do(ORIGINATE)
    await client.until("begun.includes(channel.id)")
    # Two texts of 40,000 characters: one channel that does not fit in a message of 64 KiB.
    for name in ("CALLERID(name)", "CALLERID(num)"):
        variable = {"variable": name, "value": "7" * 40_000}
        await client.do("await ari.channels.setChannelVar({ channelId: channel.id, ...given })", variable)
    await client.do(FOLLOW, {"filter": {}})
    await client.until("seen.gaps.includes('event_too_large')")
    assert await client.do("return [calls.live, channel.id in calls.channels]") == [False, False]
    await client.do(HANG_UP)
