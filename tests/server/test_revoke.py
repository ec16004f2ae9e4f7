"""A token that is revoked: what it has open ends at once, and it stays out, after a restart, too."""

import asyncio
import sys

import aiohttp
import pytest
from real.gateway import target
from real.peer import an_offer
from real.wait import until
from real.wsclient import connect, greeted


async def revoke(gateway, *arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aribridge", "token", "revoke", *arguments),
        cwd=gateway.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, out.decode()
    return out.decode().splitlines()[-1]


async def is_refused(gateway, token):
    async with connect(gateway.url) as client:
        await client.send({"type": "hello", "id": 1, "token": token})
        return (await client.goodbye())["slug"] == "unauthorized"


@pytest.mark.parametrize("how", [("--jti", "t1"), ("--sub", "alice")])
async def test_what_is_open_ends_and_nothing_opens_again(asterisk22, gateways, how):
    gateway = await gateways.start(target(asterisk22))
    token, other = gateway.token(jti="t1"), gateway.token(sub="bob", jti="t2")
    async with (
        greeted(gateway.url, token) as alice,
        greeted(gateway.url, other) as bob,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{gateway.url}/janus", protocols=["janus-protocol"]) as janus,
    ):
        await janus.send_json({"janus": "create", "transaction": "1", "token": token})
        session = (await janus.receive_json(timeout=30))["data"]["id"]
        assert await revoke(gateway, *how) == "revoked; 2 connections and sessions closed"
        goodbye = await alice.goodbye()
        assert (goodbye["slug"], goodbye["reconnect"], goodbye["detail"]) == (
            "unauthorized",
            "reauth",
            "The token was revoked.",
        )
        ended = await janus.receive_json(timeout=30)
        assert (ended["janus"], ended["session_id"]) == ("timeout", session)
        keepalive = {"janus": "keepalive", "transaction": "2", "session_id": session, "token": token}
        await janus.send_json(keepalive)
        assert (await janus.receive_json(timeout=30))["error"]["code"] == 403
        assert (await bob.request("GET", "/asterisk/ping"))["status"] == 200
        headers = {"Authorization": f"Bearer {token}"}
        for method, path in (("POST", "/v1/rtc"), ("GET", "/v1/state"), ("GET", "/v1/catalogue/pbx")):
            async with http.request(method, gateway.url + path, headers=headers, data=b"v=0") as response:
                assert response.status == 401
    await gateway.stop()
    await gateway.start()
    assert await is_refused(gateway, token)
    async with greeted(gateway.url, other):
        pass


async def test_without_a_gateway_it_counts_from_the_next_start(asterisk22, gateways):
    gateway = await gateways.start(target(asterisk22))
    await gateway.stop()
    await revoke(gateway, "--jti", "t1")
    await gateway.start()
    assert await is_refused(gateway, gateway.token(jti="t1"))


async def let_somebody_in(gateway):
    return (await gateway.metrics()).get('aribridge_auth_total{result="accepted"}')


async def has_no_peer(gateway):
    return (await gateway.metrics())["aribridge_webrtc_peers"] == 0


async def test_what_is_revoked_while_an_offer_comes_gets_no_peer(asterisk22, gateways):
    gateway = await gateways.start(target(asterisk22))
    offer, rest = await an_offer(), asyncio.Event()

    async def slow():
        yield offer[:20].encode()
        await rest.wait()
        yield offer[20:].encode()

    headers = {"Authorization": f"Bearer {gateway.token(jti='t1')}", "Content-Type": "application/sdp"}
    async with aiohttp.ClientSession() as http:
        posting = asyncio.create_task(http.post(f"{gateway.url}/v1/rtc", headers=headers, data=slow()))
        await until(lambda: let_somebody_in(gateway), what="the gateway reads the offer")
        await revoke(gateway, "--jti", "t1")
        rest.set()
        response = await asyncio.wait_for(posting, 30)
        assert (response.status, (await response.json())["detail"]) == (401, "The token was revoked.")
    await until(lambda: has_no_peer(gateway), what="no peer is left")
