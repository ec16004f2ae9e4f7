"""With real Asterisks: the state that clients follow is Asterisk's own; who was away gets everything, or one gap."""

import asyncio
from urllib.parse import urlsplit

import aiohttp
import pytest
from models.gateway_clients import ari, following, reads, same, told, truth
from real.gateway import target
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import greeted

CALLS = 100
AWAY = 5000


async def a_call(call, app, number, *, stays):
    """Two halves of a Local channel, one in a bridge of its own for a while."""
    channel, bridge = f"state-{number}", f"state-b{number}"
    query = {"endpoint": "Local/600@default", "callerId": f"Ann <{number}>", "otherChannelId": f"{channel}-2"}
    await call("POST", f"/channels/{channel}", app=app, **query)
    await call("POST", f"/bridges/{bridge}", type="mixing")
    await until(lambda: joined(call, bridge, channel), what="the channel is in Stasis")
    if not stays:
        await call("DELETE", f"/channels/{channel}")
        await call("DELETE", f"/bridges/{bridge}")


async def joined(call, bridge, channel):
    """True once the channel is in the bridge, or is no more: Asterisk ends it when the application is away."""
    try:
        await call("POST", f"/bridges/{bridge}/addChannel", channel=channel)
    except AssertionError:
        return channel not in {one["id"] for one in await call("GET", "/channels")}
    return True


async def test_the_state_is_asterisks_own_after_200_channels_and_a_link_cut(asterisk, gateways):
    async with faulty_proxy(urlsplit(asterisk.ari_url).port) as proxy, ari(asterisk) as call:
        section = target(asterisk, url=f"http://127.0.0.1:{proxy.port}/ari")
        gateway = await gateways.start(section)
        async with following(gateway, mode="state") as whole, following(gateway) as events:
            await calls(call, section["app"], range(CALLS // 2), cut=proxy.drop)
            await until(lambda: "upstream_lost" in whole.reasons, what="the cut is told")
            await until(lambda: not whole.waits and not whole.page, what="the link is back")
            await calls(call, section["app"], range(CALLS // 2, CALLS))
            await until(lambda: same(whole, call), what="the client's state is Asterisk's")
            assert len(whole.state["channels"]) >= 10
            await until(lambda: tells_the_same(gateway, whole), what="the door tells the same")
            assert (await state_door(gateway, 403, ops=["channels.*"]))["code"] == "forbidden"
            for number in range(0, CALLS, 10):
                await call("DELETE", f"/channels/state-{number}")
                await call("DELETE", f"/bridges/state-b{number}")
            await until(lambda: not whole.state["channels"] and not whole.state["bridges"], what="all is gone")
            assert len(events.got) > CALLS
            assert set(events.reasons) == {"upstream_lost"}


async def state_door(gateway, status, **claims):
    headers = {"Authorization": f"Bearer {gateway.token(**claims)}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{gateway.url}/v1/state/pbx") as response,
    ):
        assert response.status == status
        return await response.json()


async def tells_the_same(gateway, follower):
    """True once it does: the other halves of calls that are over may be gone a moment later."""
    return told((await state_door(gateway, 200))["state"]) == told(follower.state)


async def calls(call, app, numbers, cut=None):
    """Ten calls at a time, the link cut in the middle; one in ten stays."""
    for start in range(numbers.start, numbers.stop, 10):
        if cut and start >= (numbers.start + numbers.stop) // 2:
            cut()
            cut = None
        await asyncio.gather(
            *(a_call(call, app, number, stays=number % 10 == 0) for number in range(start, start + 10))
        )


async def storm(call, app, most):
    """As many events of the application's own."""

    async def some(start):
        for number in range(start, most, 8):
            await call("POST", f"/events/user/Storm{number}", application=app)

    await asyncio.gather(*(some(start) for start in range(8)))


@pytest.mark.parametrize(("kept", "expected"), [(20_000, AWAY), (1000, 0)], ids=["long history", "short history"])
async def test_5000_events_while_a_client_is_away(asterisk22, gateways, kept, expected):
    async with faulty_proxy(urlsplit(asterisk22.ari_url).port) as proxy, ari(asterisk22) as call:
        section = target(asterisk22, url=f"http://127.0.0.1:{proxy.port}/ari")
        gateway = await gateways.start(section, stream={"history_events": kept})
        wish = {"filter": {"type": ["ChannelUserevent"]}}
        async with following(gateway, **wish) as events:
            pass
        proxy.requests.clear()
        await storm(call, section["app"], AWAY)
        await until(lambda: passed(gateway, AWAY), within=30, what="the gateway has them all")
        async with following(gateway, events, since=events.position, **wish) as events:
            await until(lambda: len(events.got) == expected or events.reasons, what="everything is there")
            await call("POST", "/events/user/Last", application=section["app"])
            await until(lambda: events.got and events.got[-1][2]["eventname"] == "Last", what="it goes on live")
        names = [event["eventname"] for _, _, event in events.got]
        assert sorted(names[:-1]) == sorted(f"Storm{n}" for n in range(expected))
        assert [seq for _, seq, _ in events.got] == sorted(seq for _, seq, _ in events.got)
        assert events.reasons == ([] if expected else ["history_expired"])
        assert reads(proxy) == []
        hello = {"subs": [{"sub": 7, "since": events.position, **wish}]}
        async with greeted(gateway.url, gateway.token(), **hello) as client:
            assert client.seen[0]["subs"] == [{"status": 200, "body": {"sub": 7, **events.position, "mode": "replay"}}]
        async with following(gateway, mode="state") as state:
            await until(lambda: state.state is not None and not state.page, what="the snapshot is there")
            assert told(state.state) == await truth(call)


async def passed(gateway, most):
    figures = await gateway.metrics()
    return figures.get('aribridge_events_total{target="pbx",type="ChannelUserevent"}', 0) >= most


async def test_of_an_application_alone_the_state_holds_what_is_in_it(asterisk, gateways):
    """Channels before the link is made, after it, and such as leave the application again."""
    section = target(asterisk, events="app")
    app = section["app"]
    async with faulty_proxy(urlsplit(asterisk.ari_url).port) as proxy, ari(asterisk) as call:
        gateway = await gateways.start(section | {"url": f"http://127.0.0.1:{proxy.port}/ari"})
        async with following(gateway, mode="state") as state:
            await call("POST", "/channels/mine", endpoint="Local/600@default", app=app, otherChannelId="mine-2")
            await call(
                "POST", "/channels/other", endpoint="Local/602@default", extension="600", otherChannelId="other-2"
            )
            await until(lambda: state.state["channels"].get("mine", {}).get("state") == "Up", what="it is in Stasis")
            proxy.drop()
            await until(lambda: state.reasons[1:] and not state.page, what="the link is back")
            assert state.state["channels"]["mine"]["state"] == "Up"
            assert "other" not in state.state["channels"]
            await call("POST", "/channels/mine/continue", context="default", extension="600", priority="1")
            await until(lambda: "mine" not in state.state["channels"], what="it left the application")
        for channel in ("mine", "other"):
            await call("DELETE", f"/channels/{channel}")
        await until(lambda: gone(call), what="nothing is left behind")


async def gone(call):
    return not await call("GET", "/channels")
