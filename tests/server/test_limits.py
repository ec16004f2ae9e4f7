"""Who asks for too much, or opens too much, is told so; everybody else goes on."""

import asyncio
import itertools
import json
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from real.gateway import target
from real.wsclient import Client, connect, greeted

from aribridge.protocol.problems import Problem
from aribridge.server.problems import problem_response

LIMITS = {
    "rate": 2.0,
    "burst": 110,
    "subject_connections": 3,
    "address_connections": 5,
    "address_handshakes": 2,
    "depth": 8,
}
ADDRESSES = itertools.count(1)
"""Of this machine, each for one test."""


@pytest.fixture(scope="module")
async def gateway(asterisk22, tmp_path_factory):
    from real.gateway import Gateways

    gateways = Gateways(tmp_path_factory.mktemp("limits"))
    yield await gateways.start(target(asterisk22), limits=LIMITS, janus={"subject_sessions": 2})
    await gateways.stop()


@asynccontextmanager
async def from_address(gateway, address: str, *, subs=(), **claims):
    """A client of another address of this machine, and of a subject of its own."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.ws_connect(f"{gateway.url}/v1/ws", protocols=("aribridge.v1",)) as socket,
    ):
        client = Client(socket)
        await client.send({"type": "hello", "id": "hello", "token": gateway.token(**claims), "subs": list(subs)})
        yield client


@asynccontextmanager
async def answered(connecting):
    """A client whose hello was answered, so that the next one's comes after it."""
    async with connecting as client:
        await client.until(lambda seen: seen["type"] in {"welcome", "goodbye"})
        yield client


async def originate(client: Client) -> dict:
    return await client.ask(type="request", op="channels.originate", params={"endpoint": "Local/none@nowhere"})


async def use_up(client: Client) -> None:
    """Have one originate done, after which another is too much for three quarters of a minute."""
    await originate(client)
    assert (await originate(client))["status"] == 429


async def test_too_much_is_refused_for_as_long_as_it_says_and_others_go_on(gateway):
    async with (
        from_address(gateway, "127.0.1.1", sub="greedy", tenant="acme") as greedy,
        from_address(gateway, "127.0.1.2", sub="modest") as modest,
    ):
        await use_up(greedy)
        replies = [await greedy.ask(type="request", op="asterisk.ping") for _ in range(40)]
        error = next(reply["error"] for reply in replies if reply["status"] == 429)
        assert (error["code"], error["retry"], error["outcome"]) == ("too_many_requests", "after", "not_applied")
        assert "limits.rate" in error["detail"]
        assert 0 < error["after_ms"] <= 500
        assert (await modest.ask(type="request", op="asterisk.ping"))["status"] == 200
        await asyncio.sleep(0.5)  # what is tested: that this is long enough
        assert (await greedy.ask(type="request", op="asterisk.ping"))["status"] == 200


async def test_offers_cost_what_they_take(gateway):
    """Four of them are in a burst of 110, with what each request costs its address besides."""
    headers = {"Authorization": f"Bearer {gateway.token(sub='offering')}", "Content-Type": "application/sdp"}
    connector = aiohttp.TCPConnector(local_addr=("127.0.1.3", 0))
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
        statuses = []
        for _ in range(6):
            async with http.post(f"{gateway.url}/v1/rtc", data="v=0") as response:
                statuses.append(response.status)
    assert statuses == [400] * 4 + [429] * 2


@pytest.mark.parametrize(
    ("kind", "address", "claims"),
    [
        ("subject", "127.0.2.2", {"sub": "same", "tenant": "one"}),
        ("tenant", "127.0.2.3", {"sub": "other", "tenant": "one"}),
        ("address", "127.0.2.1", {"sub": "third"}),
    ],
)
async def test_another_connection_does_not_get_around_it(gateway, kind, address, claims):
    async with from_address(gateway, "127.0.2.1", sub="same", tenant="one") as first:
        await use_up(first)
        async with from_address(gateway, address, **claims) as second:
            reply = await second.ask(type="request", method="POST", path="/channels", query={"endpoint": "Local/x@y"})
            assert reply["status"] == 429
            assert kind in reply["error"]["detail"]


async def test_requests_in_asterisks_own_form_and_messages_to_scripts_pay_too(gateway):
    async with from_address(gateway, "127.0.3.1", sub="rest") as client:
        await use_up(client)
        rest = {"type": "RESTRequest", "request_id": "r", "method": "POST", "uri": "channels?endpoint=Local/x@y"}
        await client.send(rest)
        answer = await client.until(lambda seen: seen["type"] == "RESTResponse")
        assert answer["status_code"] == 429
        statuses = {(await client.ask(type="message", data="x"))["status"] for _ in range(60)}
        assert 429 in statuses


async def test_the_body_of_a_request_in_asterisks_own_form_is_nested_no_deeper_than_a_message(gateway):
    async with from_address(gateway, "127.0.3.2", sub="nested") as client:
        body = '{"variables":' + '{"a":' * 8 + "1" + "}" * 9
        rest = {"type": "RESTRequest", "request_id": "r", "method": "POST", "uri": "channels", "message_body": body}
        await client.send(rest)
        answer = await client.until(lambda seen: seen["type"] == "RESTResponse")
        assert answer["status_code"] == 400
        assert "limits.depth" in answer["message_body"]


async def test_wildcards_in_filters_pay_by_their_length(gateway):
    """Each takes time to be compiled, and with each event."""
    globs = {"channel": [f"PJSIP/{number}*" for number in range(80)]}
    async with from_address(gateway, "127.0.3.3", sub="wild") as client:
        assert (await client.ask(type="subscribe", sub=1, filter=globs))["status"] == 200
        refused = await client.ask(type="subscribe", sub=2, filter=globs)
        assert (refused["status"], refused["error"]["code"]) == (429, "too_many_requests")
    subs = [{"sub": sub, "filter": globs} for sub in (1, 2)]
    async with from_address(gateway, "127.0.3.4", sub="wild at once", subs=subs) as client:
        welcome = await client.until(lambda seen: seen["type"] == "welcome")
        assert [result["status"] for result in welcome["subs"]] == [200, 429]


@pytest.mark.parametrize(("after_ms", "seconds"), [(1, "1"), (1000, "1"), (1001, "2"), (1999, "2")])
def test_retry_after_is_no_shorter_than_after_ms(after_ms, seconds):
    response = problem_response(Problem("too_many_requests", "too much", after_ms=after_ms))
    assert response.headers["Retry-After"] == seconds


async def test_requests_over_http_pay_by_their_address(gateway):
    connector = aiohttp.TCPConnector(local_addr=("127.0.4.1", 0))
    async with aiohttp.ClientSession(connector=connector) as http:
        for _ in range(2000):
            async with http.get(f"{gateway.url}/janus/info") as response:
                if response.status == 429:
                    assert int(response.headers["Retry-After"]) >= 1
                    assert (await response.json())["code"] == "too_many_requests"
                    return
    raise AssertionError("2000 requests in a row were let through")


JANUS_FLOODS = {
    "no JSON": "{",
    "no request": '{"janus": "ping"}',
    "no text": b"x",
    "pings": '{"janus": "ping", "transaction": "t"}',
    "requests for information": '{"janus": "info", "transaction": "t"}',
    "wrong credentials": '{"janus": "create", "transaction": "t", "apisecret": "guessed"}',
    "keepalives": None,
}


@pytest.mark.parametrize("flood", JANUS_FLOODS.values(), ids=JANUS_FLOODS)
async def test_a_flood_of_the_janus_api_is_limited_and_its_neighbours_go_on(gateway, flood):
    """All come from one address, as from one office: a connection pays for this alone."""
    address = f"127.0.7.{next(ADDRESSES)}"
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0))) as http,
        janus(http, gateway) as flooding,
        janus(http, gateway) as neighbour,
    ):
        session = await made_session(neighbour, gateway.token(sub=f"neighbour {address}"))
        theirs = await made_session(flooding, gateway.token(sub=f"flooding {address}"))
        reasons = Counter()
        for _ in range(10):
            sent = flood or theirs
            for _ in range(20):
                await (flooding.send_bytes(sent) if isinstance(sent, bytes) else flooding.send_str(sent))
            for _ in range(20):
                reply = await flooding.receive_json(timeout=30)
                reasons["limits.rate" in reply.get("error", {}).get("reason", "")] += 1
            assert (await asked(neighbour, session))["janus"] == "ack"
        assert reasons[True] > 50
        assert reasons[False] >= LIMITS["burst"] - 1  # for the session


@asynccontextmanager
async def janus(http, gateway):
    async with http.ws_connect(f"{gateway.url}/janus", protocols=("janus-protocol",)) as socket:
        yield socket


async def asked(socket, request):
    await socket.send_str(request)
    return await socket.receive_json(timeout=30)


async def made_session(socket, token):
    """A session, as the keepalive that it needs."""
    made = await asked(socket, json.dumps({"janus": "create", "transaction": "c", "token": token}))
    keepalive = {"janus": "keepalive", "transaction": "k", "token": token, "session_id": made["data"]["id"]}
    return json.dumps(keepalive)


async def test_a_flood_of_pings_is_limited(gateway):
    async with from_address(gateway, "127.0.8.1", sub="pinging") as client:
        await client.until(lambda seen: seen["type"] == "welcome")
        for _ in range(2 * LIMITS["burst"]):
            await client.send({"type": "ping", "t": 1})
        seen = Counter([(await client.receive())["type"] for _ in range(2 * LIMITS["burst"])])
        assert seen["pong"] >= LIMITS["burst"] - 10
        assert seen["reply"] > 50
        async with from_address(gateway, "127.0.8.1", sub="pinging") as other:
            assert (await other.ask(type="request", op="asterisk.ping"))["status"] == 200


async def test_a_subject_has_so_many_connections(gateway):
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(answered(from_address(gateway, f"127.0.5.{number}", sub="many")))
            for number in range(1, 5)
        ]
        goodbye = await clients[3].goodbye()
        assert goodbye["slug"] == "too_many_connections"
        assert "limits.subject_connections" in goodbye["detail"]
        assert (await clients[0].ask(type="request", op="asterisk.ping"))["status"] == 200
    async with from_address(gateway, "127.0.5.4", sub="many") as again:
        assert (await again.ask(type="request", op="asterisk.ping"))["status"] == 200


async def test_an_address_has_so_many_connections(gateway):
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(answered(from_address(gateway, "127.0.6.1", sub=f"user-{number}")))
            for number in range(6)
        ]
        assert "limits.address_connections" in (await clients[5].goodbye())["detail"]
        assert (await clients[0].ask(type="request", op="asterisk.ping"))["status"] == 200


async def test_an_address_has_so_many_connections_without_a_hello(gateway):
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(connect(gateway.url)) for _ in range(3)]
        assert "limits.address_handshakes" in (await silent[2].goodbye())["detail"]
        await silent[0].send({"type": "hello", "id": 1, "token": gateway.token()})
        await silent[0].until(lambda seen: seen["type"] == "welcome")
        await stack.enter_async_context(greeted(gateway.url, gateway.token()))


async def test_json_is_not_nested_too_deeply(gateway):
    async with greeted(gateway.url, gateway.token()) as client:
        await client.send('{"type":"message","data":' + "[" * 8 + "]" * 8 + "}")
        assert "limits.depth" in (await client.goodbye())["detail"]


async def test_a_subject_has_so_many_janus_sessions(gateway):
    async with aiohttp.ClientSession() as http:

        async def create(sub: str) -> dict:
            body = {"janus": "create", "transaction": "t", "token": gateway.token(sub=sub)}
            async with http.post(f"{gateway.url}/janus", json=body) as response:
                return await response.json()

        made = [await create("poller") for _ in range(3)]
        assert [reply["janus"] for reply in made] == ["success", "success", "error"]
        assert "janus.subject_sessions" in made[2]["error"]["reason"]
        assert (await create("another"))["janus"] == "success"


async def read(gateway, path: str, address: str, **claims) -> tuple[int, dict]:
    """What a GET with a token answers, from another address of this machine."""
    headers = {"Authorization": f"Bearer {gateway.token(**claims)}"}
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as http,
        http.get(f"{gateway.url}{path}") as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize("path", ["/v1/state", "/v1/catalogue/pbx"])
async def test_what_a_subject_reads_by_http_is_taken_from_its_rate_from_wherever_it_comes(gateway, path):
    readings = (read(gateway, path, f"127.0.9.{address}", sub=path, tenant="readers") for address in range(1, 200))
    refused = [problem for status, problem in await asyncio.gather(*readings) if status == 429]
    assert refused
    assert all("This subject" in problem["detail"] or "This tenant" in problem["detail"] for problem in refused)
    assert (await read(gateway, path, "127.0.10.1", sub="somebody"))[0] == 200
