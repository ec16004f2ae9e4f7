"""Protocol v1 on /v1/ws, end to end with a real Asterisk: commands, events, order, sizes."""

import asyncio
import json

import aiohttp
import pytest
from real.wsclient import connect, greeted


@pytest.fixture
async def client(any_gateway):
    async with greeted(any_gateway.url, any_gateway.token()) as client:
        yield client


async def test_welcome_says_who_and_what(any_gateway):
    async with connect(any_gateway.url) as client:
        welcome = await client.ask(
            type="hello",
            token=any_gateway.token(tenant="acme", roles=["agent"], endpoints=["PJSIP/200"]),
            features=["batch", "parts", "unknown"],
            subs=[{"sub": 1, "filter": {"type": ["Stasis*"]}}, {"sub": 2, "mode": "state", "filter": {"type": ["x"]}}],
        )
        assert welcome["user"] == {"sub": "alice", "tenant": "acme", "roles": ["agent"], "endpoints": ["PJSIP/200"]}
        [pbx] = welcome["targets"]
        assert (pbx["name"], pbx["up"]) == ("pbx", True)
        assert pbx["asterisk"].split(".")[0] in {"16", "22"}
        assert welcome["limits"]["frame"] == 65536
        assert 500 < welcome["expires_in"] <= 610  # the leeway for clocks included
        ok, refused = welcome["subs"]
        assert (ok["status"], ok["body"]["sub"]) == (200, 1)
        assert (refused["status"], refused["error"]["code"]) == (400, "bad_filter")


async def test_with_a_bearer_token_no_hello_is_needed(any_gateway):
    async with connect(any_gateway.url, bearer=any_gateway.token()) as client:
        assert (await client.request("GET", "/asterisk/info"))["status"] == 200


async def test_a_call_by_commands_and_events(client):
    subscribed = await client.ask(type="subscribe", sub=1)
    where = subscribed["body"]
    assert where["mode"] == "live"
    reply = await client.request("POST", "/channels", query={"endpoint": "Local/600@default"}, body={"appArgs": "a,b"})
    assert reply["status"] == 200, reply
    assert reply["pos"]["epoch"] == where["epoch"]
    channel = reply["body"]["id"]
    start = await client.event("StasisStart", id=channel)
    assert start["data"]["args"] == ["a", "b"]
    hangup = await client.ask(type="request", op="channels.hangup", params={"channelId": channel})
    assert hangup["status"] == 204
    await client.event("ChannelDestroyed", id=channel)
    events = [message for message in client.seen if message["type"] == "event"]
    prevs = [where["seq"], *(event["seq"] for event in events)]
    assert [event["prev"] for event in events] == prevs[:-1]
    kinds = [event["data"]["type"] for event in events if event["data"].get("channel", {}).get("id") == channel]
    order = [kind for kind in kinds if kind in {"ChannelCreated", "StasisStart", "ChannelDestroyed"}]
    assert order == ["ChannelCreated", "StasisStart", "ChannelDestroyed"]


async def test_filters_and_unsubscribe(client):
    await client.ask(type="subscribe", sub=1, filter={"type": ["ChannelCreated"], "channel": ["filtered-*"]})
    await client.ask(type="subscribe", sub=2)
    unsubscribed = await client.ask(type="unsubscribe", sub=2)
    taken = await client.ask(type="subscribe", sub=1)
    assert taken["error"]["code"] == "duplicate_subscription"
    for ident in ("other", "filtered-1"):
        params = {"endpoint": "Local/600@default", "channelId": ident, "otherChannelId": f"{ident}-2"}
        await client.ask(type="request", op="channels.originate", params=params)
    await client.event("ChannelCreated", id="filtered-1-2")
    for ident in ("other", "filtered-1"):
        await client.ask(type="request", op="channels.hangup", params={"channelId": ident})
    # Until then an earlier test's call may have come to its end.
    since = client.seen[client.seen.index(unsubscribed) :]
    seen = [message for message in since if message["type"] == "event"]
    assert {message["sub"] for message in seen} == {1}
    assert {message["data"]["channel"]["id"] for message in seen} == {"filtered-1", "filtered-1-2"}


async def test_a_position_of_another_run_is_answered_by_a_gap(client):
    since = {"epoch": "k7", "seq": 12}
    reply = await client.ask(type="subscribe", sub=4, since=since)
    gap = await client.until(lambda seen: seen["type"] == "gap")
    assert gap | {"now": None} == {
        "type": "gap", "sub": 4, "was": since, "now": None, "reason": "restarted", "next": "live",
    }  # fmt: skip
    assert {"epoch": reply["body"]["epoch"], "seq": reply["body"]["seq"]} == since


async def test_asterisks_refusal_keeps_its_status_and_gains_a_remedy(client):
    reply = await client.request("POST", "/channels/nobody/answer")
    assert reply["status"] == 404
    assert "message" in reply["body"]
    assert reply["error"]["source"] == "asterisk"
    bad = await client.ask(type="request", op="channels.originate", params={"endpoint": "PJSIP/nobody"})
    assert bad["status"] >= 400
    assert "not registered" in bad["error"]["detail"]


async def test_the_gateways_own_app_is_its_own(client):
    for op in ("applications.subscribe", "applications.unsubscribe"):
        own = (await client.request("GET", "/applications"))["body"][0]["name"]
        params = {"applicationName": own, "eventSource": "channel:"}
        reply = await client.ask(type="request", op=op, params=params)
        assert (reply["status"], reply["error"]["code"]) == (403, "gateway_owns_app")


async def test_a_lane_keeps_order_and_others_overtake(client):
    await client.send({"type": "request", "id": 1, "op": "asterisk.getInfo", "lane": "a"})
    await client.send({"type": "request", "id": 2, "op": "channels.list", "lane": "a"})
    await client.send({"type": "request", "id": 3, "op": "bridges.list", "lane": "a"})
    for ident in (1, 2, 3):
        await client.until(lambda seen, ident=ident: seen.get("id") == ident)
    assert [message["id"] for message in client.seen if message.get("id") in {1, 2, 3}] == [1, 2, 3]


async def test_asterisks_own_form(client):
    request = {
        "type": "RESTRequest",
        "transaction_id": "t",
        "request_id": "r",
        "method": "POST",
        "uri": "channels?endpoint=Local/600@default",
        "query_strings": [{"name": "appArgs", "value": "x"}],
        "content_type": "application/json",
        "message_body": json.dumps({"variables": {"X": "1"}}),
    }
    await client.send(request)
    answer = await client.until(lambda seen: seen["type"] == "RESTResponse")
    assert (answer["status_code"], answer["reason_phrase"]) == (200, "OK")
    assert (answer["transaction_id"], answer["request_id"], answer["uri"]) == ("t", "r", "channels")
    channel = json.loads(answer["message_body"])["id"]
    await client.send({"type": "RESTRequest", "request_id": "h", "method": "DELETE", "uri": f"channels/{channel}"})
    ended = await client.until(lambda seen: seen.get("request_id") == "h")
    assert (ended["status_code"], "message_body" in ended) == (204, False)


async def test_batch_only_for_who_asked(any_gateway):
    async with greeted(any_gateway.url, any_gateway.token(), features=["batch"]) as client:
        await client.send([{"type": "ping", "t": n} for n in range(50)])
        got = []
        async with asyncio.timeout(10):
            while len(got) < 50:
                frame = json.loads((await client.socket.receive()).data)
                got += frame if isinstance(frame, list) else [frame]
        assert [message["t"] for message in got] == list(range(50))


async def test_the_catalogue_is_the_connected_asterisks(any_gateway):
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {any_gateway.token()}"}) as http:
        async with http.get(f"{any_gateway.url}/v1/catalogue/pbx") as response:
            catalogue = await response.json()
        async with http.get(f"{any_gateway.url}/v1/catalogue/pbx2") as response:
            assert response.status == 404
    ids = {operation["id"] for operation in catalogue["operations"]}
    assert "channels.originate" in ids
    assert ("channels.progress" in ids) is catalogue["version"].startswith("22")


async def test_a_token_that_allows_no_events_ends_what_is_told(any_gateway):
    async with connect(any_gateway.url, bearer=any_gateway.token()) as client:
        await client.ask(type="subscribe", sub=1)
        assert (await client.ask(type="auth", token=any_gateway.token(ops=["channels.*"])))["status"] == 200
        gap = await client.until(lambda seen: seen["type"] == "gap")
        reply = await client.request("POST", "/channels", query={"endpoint": "Local/600@default"})
        await client.request("DELETE", f"/channels/{reply['body']['id']}")
        assert (await client.ask(type="auth", token=any_gateway.token()))["status"] == 200
        back = await client.until(lambda seen: seen["type"] == "gap" and seen is not gap)
        assert [one["reason"] for one in (gap, back)] == ["policy_changed"] * 2
        meanwhile = client.seen[client.seen.index(gap) : client.seen.index(back)]
        assert not [seen for seen in meanwhile if seen["type"] == "event"]


async def test_the_token_of_a_late_hello_counts_for_what_was_subscribed_to_before(any_gateway):
    async with connect(any_gateway.url, bearer=any_gateway.token()) as client:
        await client.ask(type="subscribe", sub=1)
        await client.ask(type="hello", token=any_gateway.token(ops=["channels.*"]))
        assert (await client.until(lambda seen: seen["type"] == "gap"))["reason"] == "policy_changed"
