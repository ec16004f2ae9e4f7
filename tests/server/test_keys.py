"""A command with a key is carried out once, whatever becomes of its reply, client, link, Asterisk and gateway."""

import asyncio
import os
import signal
from collections import Counter
from contextlib import asynccontextmanager

from models.gateway_clients import ari, end_all, inside_application
from real.asterisk import fresh_asterisk
from real.gateway import target
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import greeted
from yarl import URL

PHONE = "Local/600@default"
ECHO = {"extension": "600", "context": "default"}  # runs without an application that listens


def originate(client, key, **more):
    query = {"endpoint": PHONE} | more.pop("query", {})
    return client.request("POST", "/channels", query=query, key=key, **more)


def told(reply):
    """Status, code, outcome and whether it is another request's reply."""
    error = reply.get("error", {})
    return reply["status"], error.get("code"), error.get("outcome"), reply.get("replayed", False)


async def ids(call):
    return sorted(channel["id"] for channel in await call("GET", "/channels"))


async def test_a_repetition_gets_the_first_ones_reply(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call:
        async with greeted(gateway.url, gateway.token()) as client:
            first = await originate(client, "k1")
            again = await originate(client, "k1")
        assert told(first) == (200, None, None, False)
        assert told(again) == (200, None, None, True)
        assert again["body"] == first["body"]
        async with greeted(gateway.url, gateway.token()) as client:
            later = await originate(client, "k1")
            assert (later["body"]["id"], later["replayed"]) == (first["body"]["id"], True)
            await end_all(call)
            over = await originate(client, "k1")
            assert (over["body"]["id"], over["replayed"]) == (first["body"]["id"], True)
            other = await originate(client, "k2")
            assert other["body"]["id"] != first["body"]["id"]
            await end_all(call)


async def test_at_the_same_time_they_are_one(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with (
        ari(asterisk22) as call,
        greeted(gateway.url, gateway.token()) as one,
        greeted(gateway.url, gateway.token()) as other,
    ):
        replies = await asyncio.gather(*(originate(client, "k") for client in (one, other)))
        assert {reply["body"]["id"] for reply in replies} == {replies[0]["body"]["id"]}
        assert sorted(told(reply)[3] for reply in replies) == [False, True]
        assert len(await ids(call)) == 2  # both halves of one Local channel
        await end_all(call)


async def test_a_key_is_of_one_subject_and_one_operation(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with (
        ari(asterisk22) as call,
        greeted(gateway.url, gateway.token()) as alice,
        greeted(gateway.url, gateway.token(sub="bob")) as bob,
        greeted(gateway.url, gateway.token(tenant="acme")) as namesake,
    ):
        made = [await client.request("POST", "/bridges", key="k") for client in (alice, bob, namesake)]
        bridges = [reply["body"]["id"] for reply in made]
        channel = (await originate(alice, "k"))["body"]["id"]
        assert len({*bridges, channel}) == 4
        await end_all(call)
        for bridge in bridges:
            await call("DELETE", f"/bridges/{bridge}")


async def test_other_content_under_the_same_key_is_refused(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call, greeted(gateway.url, gateway.token()) as client:
        first = await originate(client, "k", query={"appArgs": "a"})
        refused = await originate(client, "k", query={"appArgs": "b"})
        assert told(refused) == (422, "key_reused", "not_applied", False)
        same = await client.ask(
            type="request", op="channels.originate", params={"appArgs": "a", "endpoint": PHONE}, key="k"
        )
        assert same["body"]["id"] == first["body"]["id"]
        await end_all(call)


async def test_what_was_refused_leaves_its_key_free(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call, greeted(gateway.url, gateway.token()) as client:
        refused = await originate(client, "k", query={"endpoint": "Nothing/600"})
        assert (refused["status"], refused["error"]["outcome"]) == (500, "not_applied")
        assert (await originate(client, "k"))["status"] == 200
        await end_all(call)


async def test_commands_that_make_nothing(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with greeted(gateway.url, gateway.token()) as client:
        channel = (await originate(client, "k"))["body"]["id"]
        await client.request("DELETE", f"/channels/{channel}", key="h")
        again = await client.request("DELETE", f"/channels/{channel}", key="h")
        assert told(again) == (204, None, None, True)
        reads = [await client.request("GET", "/channels", key="r") for _ in range(2)]
        assert [told(reply) for reply in reads] == [(200, None, None, False)] * 2


async def test_a_lost_answer_is_made_good_from_events(gateways, asterisk22):
    async with (
        behind_proxy(gateways, asterisk22) as (gateway, proxy),
        ari(asterisk22) as call,
        greeted(gateway.url, gateway.token()) as client,
    ):
        proxy.lose_answers()
        first = await originate(client, "k", timeout_ms=2000)  # in which a busy Asterisk tells of the call
        proxy.keep_answers()
        assert told(first) == (200, None, None, False)
        assert first["body"]["id"] in await ids(call)
        await end_all(call)
        again = await originate(client, "k")
        assert told(again) == (200, None, None, True)
        assert await ids(call) == []


async def test_a_call_that_had_the_id_before_proves_nothing(gateways, asterisk22):
    async with (
        behind_proxy(gateways, asterisk22) as (gateway, proxy),
        ari(asterisk22) as call,
        greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client,
    ):
        await call("POST", "/channels", endpoint=PHONE, channelId="taken", **ECHO)
        await client.event("ChannelCreated", id="taken")
        query = {"channelId": "taken"}
        assert told(await originate(client, "k", query=query)) == (409, "asterisk_error", "not_applied", False)
        proxy.lose_answers()
        assert told(await originate(client, "k", query=query, timeout_ms=300)) == (504, "timeout", "unknown", False)
        proxy.keep_answers()
        assert told(await originate(client, "k", query=query)) == (409, "outcome_unknown", "unknown", False)
        await end_all(call)


@asynccontextmanager
async def behind_proxy(gateways, asterisk):
    """A gateway, and the proxy that it reaches Asterisk by."""
    address = URL(asterisk.ari_url)
    async with faulty_proxy(address.port) as proxy:
        gateway = await gateways.start(target(asterisk, url=str(address.with_port(proxy.port))))
        yield gateway, proxy


@asynccontextmanager
async def lost_originate(gateways, asterisk):
    """An originate that reached Asterisk, and whose link broke before anything was told of it, for as long as wanted.

    The gateway, Asterisk's own ARI, the channel, and the proxy that lets nobody through.
    """
    async with (
        behind_proxy(gateways, asterisk) as (gateway, proxy),
        ari(asterisk) as call,
        greeted(gateway.url, gateway.token()) as client,
    ):
        proxy.mute()
        asking = asyncio.create_task(originate(client, "k", query=ECHO))

        async def is_there():
            return await ids(call)

        await until(is_there, what="the call is there")
        channel = (await ids(call))[0]
        proxy.unmute()
        proxy.refuse()
        proxy.drop()
        assert told(await asking) == (503, "target_down", "unknown", False)
        yield gateway, call, channel, proxy


async def test_it_is_found_when_the_link_is_back(gateways, asterisk22):
    async with (
        lost_originate(gateways, asterisk22) as (gateway, call, channel, proxy),
        greeted(gateway.url, gateway.token()) as client,
    ):
        proxy.accept()
        await until(lambda: gateway_ready(gateway), what="the link is back")
        again = await originate(client, "k", query=ECHO)
        assert told(again) == (200, None, None, True)
        assert again["body"]["id"] == channel
        assert len(await ids(call)) == 2
        await end_all(call)


async def gateway_ready(gateway):
    return (await gateway.admin("/readyz"))[0] == 200


async def test_a_call_that_was_over_before_the_link_was_back_does_not_ring_again(gateways, asterisk22):
    async with (
        lost_originate(gateways, asterisk22) as (gateway, call, _, proxy),
        greeted(gateway.url, gateway.token()) as client,
    ):
        await end_all(call)
        proxy.accept()
        await until(lambda: gateway_ready(gateway), what="the link is back")
        for _ in range(3):
            assert told(await originate(client, "k", query=ECHO)) == (409, "outcome_unknown", "unknown", False)
        assert await ids(call) == []


async def test_a_gateway_that_was_restarted_finds_the_call(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with ari(asterisk22) as call:
        async with greeted(gateway.url, gateway.token()) as client:
            first = await originate(client, "k")
            bridge = await client.request("POST", "/bridges", key="b")
        await inside_application(call, first["body"]["id"])
        await gateway.kill()
        await gateway.start()
        async with greeted(gateway.url, gateway.token()) as client:
            again = await originate(client, "k")
            assert told(again) == (200, None, None, True)
            assert again["body"]["id"] == first["body"]["id"]
            bridge_again = await client.request("POST", "/bridges", key="b")
            assert bridge_again["body"]["id"] == bridge["body"]["id"]
            await client.request("DELETE", f"/bridges/{bridge['body']['id']}")
        await end_all(call)


async def test_asterisk_killed_under_fifty_originates(gateways):
    keys = [f"k{number}" for number in range(50)]
    async with fresh_asterisk("22") as asterisk, ari(asterisk) as call:
        gateway = await gateways.start(target(asterisk), limits={"inflight": 100})
        async with greeted(gateway.url, gateway.token()) as client:
            await send(client, keys[:30])
            await client.until(lambda seen: seen["type"] == "reply")
            os.kill(asterisk.pid, signal.SIGSTOP)  # so that some have no answer, however fast it is
            await send(client, keys[30:])
            await client.send({"type": "ping", "t": "sent"})
            await client.until(lambda seen: seen["type"] == "pong")
            await asterisk.kill()
            before = {key: await reply_to(client, key) for key in keys}
            await asterisk.start()
            await until(lambda: gateway_ready(gateway), what="the link is back")
            client.seen.clear()
            await send(client, keys)
            after = {key: await reply_to(client, key) for key in keys}
        made = await ids(call)
        outcomes = Counter(told(reply)[2] or "applied" for reply in before.values())
        assert outcomes["applied"], outcomes
        assert outcomes["unknown"], outcomes
        for key in keys:
            check_second(before[key], after[key], made)
        assert len(made) == 2 * outcomes["not_applied"]
        await end_all(call)


async def send(client, keys):
    for key in keys:
        params = {"endpoint": PHONE}
        await client.send({"type": "request", "id": key, "op": "channels.originate", "params": params, "key": key})


async def reply_to(client, key):
    return await client.until(lambda seen: seen["type"] == "reply" and seen["id"] == key)


def check_second(before, after, made):
    """The reply after Asterisk was killed is true, given the one before, and what Asterisk has."""
    match told(before):
        case 200, *_:
            assert told(after) == (200, None, None, True)
            assert after["body"]["id"] == before["body"]["id"]
            assert after["body"]["id"] not in made
        case _, _, "unknown", _:
            assert told(after) in {(409, "outcome_unknown", "unknown", False), (200, None, None, True)}
            assert after["status"] == 409 or after["body"]["id"] not in made
        case _, _, "not_applied", _:
            assert told(after) == (200, None, None, False)
            assert made.count(after["body"]["id"]) == 1
        case other:
            raise AssertionError(other)
