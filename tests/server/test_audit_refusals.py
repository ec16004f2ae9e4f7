"""What is refused for a limit or for its form is on record: who, what, how often; and a flood is a line or two."""

import json
from collections import Counter

import aiohttp
import pytest
from real.gateway import target
from real.wait import until
from real.wsclient import connect, greeted

FLOOD = 20000
WORD = "Zq9word"
"""Of what clients send; none of it is to be on record."""


@pytest.fixture
async def gateway(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22), limits={"rate": 1.0, "burst": 120, "inflight": 100})
    yield gateway
    await gateway.stop()


def refusals(gateway, **fields):
    return [one for one in gateway.audit if {"kind": "refusal", **fields}.items() <= one.items()]


async def refusal(gateway, **fields):
    """The first line of a refusal with these fields."""
    found = await until(lambda: refusals(gateway, **fields), what=f"{fields} in {gateway.audit[-5:]}")
    return found[0]


async def test_a_flood_over_the_limit_is_one_line_and_its_count(gateway):
    statuses = Counter()
    async with greeted(gateway.url, gateway.token(sub="greedy", tenant="acme")) as client:
        for first in range(0, FLOOD, 50):
            for number in range(first, first + 50):
                await client.send({"type": "request", "id": number, "op": "channels.list"})
            statuses.update([(await client.receive())["status"] for _ in range(50)])
        told = await refusal(gateway, error="too_many_requests")
        figures = await gateway.metrics()
    assert statuses[429] > FLOOD - 500
    assert told.items() >= {"effect": "deny", "sub": "greedy", "tenant": "acme", "carrier": "websocket"}.items()
    assert (told["address"], told["message"]) == ("127.0.0.1", "request")
    assert "limits.rate" in told["reason"]
    assert figures['aribridge_refusals_total{code="too_many_requests"}'] == statuses[429]
    assert figures["aribridge_audit_lost_total"] == 0
    await gateway.stop()
    first, last = refusals(gateway)
    assert (first.get("count"), last["count"]) == (None, statuses[429] - 1)


async def test_each_subject_and_each_form_is_a_line_of_its_own(gateway):
    async with (
        greeted(gateway.url, gateway.token(sub="one")) as one,
        greeted(gateway.url, gateway.token(sub="two")) as two,
    ):
        for client in (one, one, two):
            await client.ask(type=WORD)
        await one.ask(type="request", op=1)
        await one.ask(type="request", op="channels.originate", params={WORD: "PJSIP/200"})
        await one.ask(type="request", method="GET", path=f"/channels/?{WORD}")
        await one.ask(type="subscribe", sub=1, filter={WORD: ["x"]})
        await one.send("[" + WORD)
        assert (await one.goodbye())["slug"] == "bad_frame"
        await refusal(gateway, error="bad_frame", sub="one")
    codes = [(line["sub"], line["error"]) for line in refusals(gateway)]
    expected = ["unknown_type", "bad_message", "bad_parameter", "bad_path", "bad_filter", "bad_frame"]
    assert sorted(codes) == sorted([("two", "unknown_type"), *(("one", code) for code in expected)])
    assert all(line["connection"].startswith("c_") and line["reason"] for line in refusals(gateway))
    await gateway.stop()
    assert [line["count"] for line in refusals(gateway) if "count" in line] == [1]
    assert WORD not in json.dumps(gateway.audit)


async def test_over_http(gateway):
    headers = {"Authorization": f"Bearer {gateway.token()}", "Content-Type": "application/sdp"}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{gateway.url}/v1/rtc", headers=headers, data=WORD) as response:
            assert response.status == 400
        told = await refusal(gateway, error="bad_sdp")
        assert (told["sub"], told["carrier"]) == ("alice", "POST /v1/rtc")
        statuses = [(await http.get(f"{gateway.url}/v1/state", headers=headers)).status for _ in range(200)]
    assert 429 in statuses
    # Of what the subject may ask for in a second; of what its address may, before it is known whose the request is.
    told = await refusal(gateway, error="too_many_requests", sub="alice")
    assert (told["carrier"], told["address"]) == ("GET /v1/state", "127.0.0.1")
    (of_address,) = await until(lambda: of_nobody(gateway, error="too_many_requests"), what="that of the address")
    assert (of_address["carrier"], of_address["address"]) == ("GET /v1/state", "127.0.0.1")
    assert WORD not in json.dumps(gateway.audit)


def of_nobody(gateway, **fields):
    return [one for one in refusals(gateway, **fields) if "sub" not in one]


async def test_in_the_janus_api(gateway):
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{gateway.url}/janus", data=WORD) as response:
            assert (await response.json())["error"]["code"] == 454
        async with http.ws_connect(f"{gateway.url}/janus", protocols=["janus-protocol"]) as socket:
            for wrong in (f"[{WORD}", json.dumps({"janus": "create", "transaction": 1, WORD: 1})):
                await socket.send_str(wrong)
                assert (await socket.receive_json(timeout=30))["janus"] == "error"
            await socket.send_json({"janus": "create", "transaction": "t", "token": gateway.token(), "id": WORD})
            assert (await socket.receive_json(timeout=30))["error"]["code"] == 467
    named = await refusal(gateway, carrier="janus", message="create")
    assert (named["error"], named["address"], named["connection"][:2]) == ("bad_message", "127.0.0.1", "j_")
    await gateway.stop()
    assert sum(line.get("count", 1) for line in refusals(gateway, carrier="janus")) == 4
    assert WORD not in json.dumps(gateway.audit)


async def test_connections_that_are_turned_away(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22), limits={"subject_connections": 1})
    async with greeted(gateway.url, gateway.token()), aiohttp.ClientSession() as http:
        for _ in range(3):
            async with http.ws_connect(f"{gateway.url}/v1/ws", protocols=("aribridge.v1",)) as socket:
                await socket.send_json({"type": "hello", "id": 1, "token": gateway.token()})
                assert (await socket.receive_json(timeout=30))["slug"] == "too_many_connections"
        told = await refusal(gateway, error="too_many_connections")
        assert told["sub"] == "alice"
        assert "limits.subject_connections" in told["reason"]
    assert len(refusals(gateway)) == 1


async def test_who_has_as_many_connections_as_it_may_is_not_on_record_as_let_in(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22), limits={"subject_connections": 1})
    token = gateway.token(sub="twice")
    async with greeted(gateway.url, token), connect(gateway.url) as second:
        await second.send({"type": "hello", "id": 1, "token": token})
        assert (await second.goodbye())["slug"] == "too_many_connections"
        refused = await refusal(gateway, error="too_many_connections")
        [login] = [one for one in gateway.audit if (one["kind"], one.get("sub")) == ("login", "twice")]
    assert login["connection"] != refused["connection"]
