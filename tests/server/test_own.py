"""What a client made ends some time after the client is lost, if it asked for that and does not come back."""

from urllib.parse import urlsplit

import pytest
from models.gateway_clients import ari, end_all, inside_application
from real.gateway import target
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import connect, greeted

PHONE = "Local/600@default"
TALKER = "Local/601@default"  # Asterisk lets a snoop go only where there is sound
SOON = {"on_loss": "hangup", "grace_ms": 200}
LATE = {"on_loss": "hangup", "grace_ms": 3_600_000}


async def made(client, path="/channels", own=None, **query):
    query = {"endpoint": PHONE} | query if path == "/channels" else query
    reply = await client.request("POST", path, query=query, **({} if own is None else {"own": own}))
    assert reply["status"] == 200, reply
    return reply["body"]["id"]


async def there(call, kind="channels"):
    return {one["id"] for one in await call("GET", f"/{kind}")}


async def gone(call, ident, kind="channels"):
    async def is_gone():
        return ident not in await there(call, kind)

    await until(is_gone, what=f"{ident} is gone")


async def test_a_lost_clients_calls_and_bridges_end(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call:
        async with greeted(gateway.url, gateway.token()) as client:
            channel, kept = await made(client, own=SOON), await made(client)
            bridge = await made(client, "/bridges", own=SOON, type="mixing")
            named = await made(client, own=SOON, channelId="named-by-client")
            assert {channel, kept, named} <= await there(call)
        for ident in (channel, named):
            await gone(call, ident)
        await gone(call, bridge, "bridges")
        assert kept in await there(call)
        await end_all(call)


async def test_a_snoop_ends_with_its_maker_unless_told_otherwise(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call:
        async with greeted(gateway.url, gateway.token()) as client:
            channel = await made(client, endpoint=TALKER)
            snoop = f"/channels/{channel}/snoop"
            default = await made(client, snoop, own={"grace_ms": 100}, spy="both")
            kept = await made(client, snoop, own={"on_loss": "keep"}, spy="both")
        await gone(call, default)
        assert {channel, kept} <= await there(call)
        await end_all(call)


async def test_who_comes_back_in_time_keeps_what_it_owns(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call:
        async with greeted(gateway.url, gateway.token()) as client:
            before = client.seen[0]["connection"]
            mine, theirs = await made(client, own=LATE), await made(client, own=SOON)
        await gone(call, theirs)  # so the grace of the first runs
        async with greeted(gateway.url, gateway.token(), resume=before) as client:
            assert client.seen[0]["resumed"] is True
            other = await made(client, own=SOON)
        await gone(call, other)
        assert mine in await there(call)
        await end_all(call)


async def test_a_connection_that_is_not_known_to_be_lost_yet_is_taken_over(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call, greeted(gateway.url, gateway.token()) as later:
        async with greeted(gateway.url, gateway.token()) as client:
            before = client.seen[0]["connection"]
            channel = await made(client, own=SOON)
            async with greeted(gateway.url, gateway.token(), resume=before) as resumed:
                assert resumed.seen[0]["resumed"] is True
                await client.socket.close()
                other = await made(later, own=SOON)
                await later.socket.close()
                await gone(call, other)
                assert channel in await there(call)
        await gone(call, channel)
        await end_all(call)


@pytest.mark.parametrize("who", [{"sub": "mallory"}, {"tenant": "acme"}], ids=["subject", "tenant"])
async def test_nobody_else_can_take_it_over(gateways, asterisk22, who):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call:
        async with greeted(gateway.url, gateway.token()) as client:
            before = client.seen[0]["connection"]
            channel = await made(client, own=SOON)
        async with greeted(gateway.url, gateway.token(**who), resume=before) as other:
            assert other.seen[0]["resumed"] is False
            await gone(call, channel)


async def test_a_connection_of_nobody_is_not_resumed(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with greeted(gateway.url, gateway.token(), resume="c_unknown") as client:
        assert client.seen[0]["resumed"] is False
    async with greeted(gateway.url, gateway.token()) as client:
        assert "resumed" not in client.seen[0]


async def test_it_ends_when_asterisk_can_be_reached_again(gateways, asterisk22):
    async with faulty_proxy(urlsplit(asterisk22.ari_url).port) as proxy, ari(asterisk22) as call:
        url = f"http://127.0.0.1:{proxy.port}/ari"
        gateway = await gateways.start(target(asterisk22, url=url))
        async with greeted(gateway.url, gateway.token()) as client:
            channel = await made(client, own=SOON)
            await inside_application(call, channel)
            proxy.refuse()
            proxy.drop()

        async def is_down():
            return (await gateway.admin("/readyz"))[0] != 200

        await until(is_down, what="the link is down")
        assert channel in await there(call), gateway.log
        proxy.accept()
        await gone(call, channel)
        await end_all(call)


async def test_a_gateway_that_is_stopped_ends_nothing(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call:
        async with connect(gateway.url) as client:
            await client.ask(type="hello", token=gateway.token())
            channel = await made(client, own={"on_loss": "hangup", "grace_ms": 0})
            await inside_application(call, channel)
            await gateway.stop()
        assert channel in await there(call)
        await end_all(call)


async def test_a_repetition_with_the_key_is_as_good_as_coming_back(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    request = {"query": {"endpoint": PHONE}, "key": "k", "own": LATE | {"grace_ms": 3000}}
    async with ari(asterisk22) as call:
        async with greeted(gateway.url, gateway.token()) as later, greeted(gateway.url, gateway.token()) as clock:
            async with greeted(gateway.url, gateway.token()) as client:
                channel = (await client.request("POST", "/channels", **request))["body"]["id"]
            assert (await later.request("POST", "/channels", **request))["replayed"] is True
            other = await made(clock, own={"on_loss": "hangup", "grace_ms": 3500})
            await clock.socket.close()
            await gone(call, other)
            assert channel in await there(call)
        await gone(call, channel)
        await end_all(call)


async def test_own_is_for_what_can_be_hung_up(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with greeted(gateway.url, gateway.token()) as client:
        refused = await client.request("GET", "/channels", own=SOON)
        assert (refused["status"], refused["error"]["code"]) == (400, "bad_parameter")
        assert "own" in refused["error"]["detail"]
        for own in ({"on_loss": "explode"}, {"grace_ms": -1}, {"grace_ms": 3_600_001}, {"grace": 1}):
            refused = await client.request("POST", "/bridges", own=own)
            assert (refused["status"], refused["error"]["code"]) == (400, "bad_message")
