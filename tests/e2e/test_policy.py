"""Roles in a real gateway: what one may do, what one is told, and what a change of the policy does."""

import os
import signal

import pytest
from policy_parts import SHIPPED, person, two_tenants
from real.gateway import target
from real.wsclient import greeted


@pytest.fixture
async def divided(asterisk, tmp_path, gateways):
    async with two_tenants(asterisk, tmp_path, gateways) as (gateway, policy):
        yield gateway, policy


async def call(client, endpoint):
    reply = await client.request("POST", "/channels", query={"endpoint": endpoint})
    assert reply["status"] == 200, reply
    return reply["body"]["id"]


async def test_an_agent_has_its_own_calls_and_nobody_elses(divided):
    gateway, _ = divided
    async with (
        greeted(gateway.url, person(gateway, "ann", "acme", "agent")) as ann,
        greeted(gateway.url, person(gateway, "bob", "acme", "agent", endpoints=["PJSIP/200"])) as bob,
        greeted(gateway.url, person(gateway, "gus", "globex", "supervisor")) as gus,
        greeted(gateway.url, person(gateway, "sue", "acme", "supervisor")) as sue,
    ):
        for client in (ann, bob, gus, sue):
            assert (await client.ask(type="subscribe", sub=1))["status"] == 200
            assert (await client.ask(type="subscribe", sub=2, mode="state"))["status"] == 200
        channel = await call(ann, "Local/2@acme")
        await ann.event("StasisStart", id=channel)
        await sue.event("StasisStart", id=channel)
        for client, status in ((bob, 403), (gus, 403), (ann, 200), (sue, 200)):
            reply = await client.request("GET", f"/channels/{channel}")
            assert reply["status"] == status, reply
        for client, seen in ((bob, []), (gus, []), (ann, [channel]), (sue, [channel])):
            listed = [one["id"] for one in (await client.request("GET", "/channels"))["body"]]
            assert [one for one in listed if one == channel] == seen
        refused = await gus.request("DELETE", f"/channels/{channel}")
        assert refused["error"]["code"] == "forbidden"
        assert "roles.supervisor" in refused["error"]["detail"]
        assert (await ann.request("DELETE", f"/channels/{channel}"))["status"] == 204
        await ann.event("ChannelDestroyed", id=channel)
        own = await call(gus, "Local/2@globex")
        await gus.event("StasisStart", id=own)
        await gus.request("DELETE", f"/channels/{own}")
        await gus.event("ChannelDestroyed", id=own)
        await bob.request("GET", "/channels")  # whose reply is behind all that he was told before
        assert not [
            message for message in bob.seen + gus.seen if channel in str(message.get("data", message.get("changes")))
        ]


async def test_what_was_missed_is_replayed_in_scope_only(divided):
    gateway, _ = divided
    async with (
        greeted(gateway.url, person(gateway, "ann", "acme", "agent")) as ann,
        greeted(gateway.url, person(gateway, "gus", "globex", "agent")) as gus,
    ):
        since = (await gus.ask(type="subscribe", sub=1))["body"]
        await ann.ask(type="subscribe", sub=1)
        theirs, ours = await call(ann, "Local/1@acme"), await call(gus, "Local/1@globex")
        for client, channel in ((ann, theirs), (gus, ours)):
            await client.event("StasisStart", id=channel)
            await client.request("DELETE", f"/channels/{channel}")
            await client.event("ChannelDestroyed", id=channel)
        live = [message["seq"] for message in gus.seen if message["type"] == "event"]
        async with greeted(gateway.url, person(gateway, "gus", "globex", "agent")) as again:
            position = {"epoch": since["epoch"], "seq": since["seq"]}
            assert (await again.ask(type="subscribe", sub=1, since=position))["body"]["mode"] == "replay"
            await again.event("ChannelDestroyed", id=ours)
            replayed = [message for message in again.seen if message["type"] == "event"]
            assert [message["seq"] for message in replayed] == live[: len(replayed)]
            assert [message["prev"] for message in replayed] == [since["seq"], *live[: len(replayed) - 1]]
            assert theirs not in str(replayed)


async def test_joining_a_call_brings_its_other_side_into_scope_and_leaving_takes_it_out(divided):
    gateway, _ = divided
    async with (
        greeted(gateway.url, person(gateway, "ann", "acme", "agent", endpoints=["Local/2@acme"])) as ann,
        greeted(gateway.url, person(gateway, "sue", "acme", "supervisor")) as sue,
    ):
        await ann.ask(type="subscribe", sub=1)
        state = await ann.ask(type="subscribe", sub=2, mode="state", filter={"channel": ["*"]})
        assert state["body"]["mode"] == "snapshot"
        await sue.ask(type="subscribe", sub=1)
        other, own = await call(sue, "Local/1@acme"), await call(ann, "Local/2@acme")
        await sue.event("StasisStart", id=other)
        await ann.event("StasisStart", id=own)
        assert (await ann.request("GET", f"/channels/{other}"))["status"] == 403
        bridge = (await sue.request("POST", "/bridges", query={"type": "mixing"}))["body"]["id"]
        added = await sue.request("POST", f"/bridges/{bridge}/addChannel", query={"channel": f"{own},{other}"})
        assert added["status"] == 204, added
        entered = await ann.event("ScopeEntered", id=other)
        assert entered["data"]["channel"]["name"].startswith("Local/1@acme")
        assert (await ann.request("GET", f"/channels/{other}"))["status"] == 200
        await ann.until(lambda seen: seen["type"] == "patch" and f"'id': '{other}', 'put'" in str(seen["changes"]))
        await sue.request("POST", f"/bridges/{bridge}/removeChannel", query={"channel": other})
        left = await ann.event("ScopeLeft", id=other)
        assert left["data"] == {"type": "ScopeLeft", "channel": {"id": other}}
        await ann.until(lambda seen: seen["type"] == "patch" and f"'id': '{other}', 'remove'" in str(seen["changes"]))
        assert (await ann.request("DELETE", f"/channels/{other}"))["status"] == 403
        for channel in (own, other):
            await sue.request("DELETE", f"/channels/{channel}")
        await sue.request("DELETE", f"/bridges/{bridge}")
        for sub in (1, 2):
            told = [one for one in ann.seen if one.get("sub") == sub and one["type"] in {"event", "patch"}]
            assert [one["prev"] for one in told][1:] == [one["seq"] for one in told][:-1]


async def test_dangerous_things_need_a_grant_of_their_own(divided):
    gateway, _ = divided
    async with greeted(gateway.url, person(gateway, "sue", "acme", "supervisor")) as sue:
        await sue.ask(type="subscribe", sub=1)
        channel = await call(sue, "Local/2@acme")
        await sue.event("StasisStart", id=channel)
        variable = {"variable": "SHELL(id)"}
        refusals = [
            await sue.request("GET", f"/channels/{channel}/variable", query=variable),
            await sue.request("POST", "/asterisk/variable", query={"variable": "X", "value": "1"}),
            await sue.request("POST", f"/channels/{channel}/continue", query={"context": "globex"}),
            await sue.request("POST", f"/channels/{channel}/play", query={"media": "recording:globex/secret"}),
            await sue.request("POST", f"/channels/{channel}/play", query={"media": "sound:/etc/passwd"}),
            await sue.request("POST", f"/channels/{channel}/play", query={"media": "sound:x", "lang": "../../spool"}),
            await sue.request("POST", f"/channels/{channel}/record", query={"name": "globex/x", "format": "wav"}),
            await sue.request(
                "POST", f"/channels/{channel}/record", query={"name": "acme/../globex/x", "format": "wav"}
            ),
            await sue.request("POST", f"/channels/{channel}/snoop", query={"spy": "both", "app": "other"}),
            await sue.request("POST", "/channels", query={"endpoint": "PJSIP/200@201"}),
        ]
        assert [reply["error"]["code"] for reply in refusals] == ["forbidden"] * len(refusals)
        plain = await sue.request("GET", f"/channels/{channel}/variable", query={"variable": "EXTEN"})
        assert plain["status"] == 200
        await sue.request("DELETE", f"/channels/{channel}")


async def test_a_new_policy_counts_at_once(divided):
    gateway, policy = divided
    async with greeted(gateway.url, person(gateway, "ann", "acme", "agent")) as ann:
        await ann.ask(type="subscribe", sub=1)
        before = policy.read_text()
        policy.write_text(before.replace('[roles.agent]\non = "own"', '[roles.agent]\non = "tenant"'))
        os.kill(gateway.pid, signal.SIGHUP)
        gap = await ann.until(lambda seen: seen["type"] == "gap")
        assert (gap["sub"], gap["reason"], gap["next"]) == (1, "policy_changed", "live")
        policy.write_text(before.replace("[roles.agent]", "[roles.agnt]"))


async def test_what_becomes_its_tenants_by_a_new_policy_is_not_told_by_the_rights_of_the_old_one(divided):
    gateway, policy = divided
    async with (
        greeted(gateway.url, person(gateway, "gus", "globex", "supervisor")) as gus,
        greeted(gateway.url, person(gateway, "sue", "acme", "supervisor")) as sue,
    ):
        theirs = await call(gus, "Local/1@globex")
        await sue.ask(type="subscribe", sub=1)
        before = policy.read_text()
        policy.write_text(
            before.replace('[roles.supervisor]\non = "tenant"', '[roles.supervisor]\non = "own"')
            .replace('["Local/*@globex", ', "[")
            .replace('["Local/*@acme", ', '["Local/*@acme", "Local/*@globex", ')
        )
        os.kill(gateway.pid, signal.SIGHUP)
        assert (await sue.until(lambda seen: seen["type"] == "gap"))["reason"] == "policy_changed"
        assert (await sue.request("GET", f"/channels/{theirs}"))["status"] == 403
        assert not [seen for seen in sue.seen if seen["type"] == "event" and theirs in str(seen["data"])]


async def test_with_no_tenant_a_starter_policy_of_five_lines_works(asterisk22, tmp_path, gateways):
    policy = tmp_path / "starter.toml"
    policy.write_text(
        '[roles.agent]\non = "own"\nallow = ["channels.*", "bridges.*", "events.eventWebsocket"]\n'
        'contexts = ["default"]\n[roles.admin]\non = "any"\nallow = ["*"]\n'
    )
    gateway = await gateways.start(target(asterisk22), auth={"policy": str(policy)})
    token = gateway.token(sub="ann", roles=["agent"], ops=None, endpoints=["Local/600@default"])
    async with greeted(gateway.url, token) as ann:
        await ann.ask(type="subscribe", sub=1)
        channel = await call(ann, "Local/600@default")
        await ann.event("StasisStart", id=channel)
        assert (await ann.request("POST", f"/channels/{channel}/answer"))["status"] == 204
        assert (await ann.request("GET", "/asterisk/info"))["error"]["code"] == "forbidden"
        assert (await ann.request("POST", "/channels", query={"endpoint": "Local/601@default"}))["status"] == 403
        await ann.request("DELETE", f"/channels/{channel}")
        await ann.event("ChannelDestroyed", id=channel)


def test_the_shipped_policy_is_the_default():
    from aribridge.config import load_policy, policy_file

    assert policy_file("").samefile(SHIPPED)
    assert load_policy("").roles == ("viewer", "agent", "supervisor", "admin")
