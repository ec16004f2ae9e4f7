"""Asterisk opens the event socket: it keeps what happens while the gateway is away."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from real.dialling import dialling
from real.gateway import target
from real.machine import free_port
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import greeted


@pytest.fixture(scope="module")
async def pbx():
    async with dialling() as pbx:
        yield pbx


@asynccontextmanager
async def back(gateway, position, **wish):
    """A client that comes back with its position; what the gateway sends it is in `seen`."""
    subs = [{"sub": 1, "since": position, **wish}]
    async with greeted(gateway.url, gateway.token(), subs=subs) as client:
        yield client


async def last_seen(gateway):
    """The position of a client that is up to date."""
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        body = client.seen[0]["subs"][0]["body"]
        return {"epoch": body["epoch"], "seq": body["seq"]}


async def refused(gateway, count=1):
    def lines():
        read = [json.loads(line) for line in gateway.log if "asterisk.refused" in line]
        return read if len(read) >= count else []

    return (await until(lines, what="the refusal in the log"))[-1]


async def readiness(gateway):
    status, text = await gateway.admin("/readyz")
    return status, json.loads(text)["targets"][0]["reason"]


async def test_commands_and_events_are_as_with_the_other_link(pbx, gateways):
    gateway = await pbx.gateway(gateways)
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        made = await client.request("POST", "/channels", query={"endpoint": "Local/600@default", "channelId": "out-1"})
        assert made["status"] == 200
        await client.event("StasisStart", id="out-1")
        assert (await client.request("DELETE", "/channels/out-1"))["status"] == 204
        await client.event("ChannelDestroyed", id="out-1")


async def test_a_planned_restart_is_not_seen_by_who_resumes(pbx, gateways):
    gateway = await pbx.gateway(gateways)
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        await pbx.call("before-1")
        event = await client.event("ChannelCreated", id="before-1")
        stopping = asyncio.create_task(gateway.stop())
        goodbye = await client.goodbye()
        assert (goodbye["slug"], goodbye["reconnect"]) == ("draining", "now")
        await stopping
        seen = [one for one in client.seen if one["type"] == "event"]
        position = {"epoch": event["epoch"], "seq": seen[-1]["seq"]}
    kept = gateway.folder / "state" / "streams" / "pbx.stream"
    assert kept.stat().st_mode & 0o777 == 0o600
    await pbx.call("away-1")
    await pbx.hang_up("before-1")
    await gateway.start()
    assert not kept.exists()
    async with (
        back(gateway, position) as events,
        back(gateway, position, mode="state") as state,
        greeted(gateway.url, gateway.token(), subs=[{"sub": 1, "mode": "state"}]) as fresh,
    ):
        assert events.seen[0]["subs"][0]["body"]["mode"] == "replay"
        await events.event("ChannelDestroyed", id="before-1")
        await events.event("ChannelCreated", id="away-1")
        await pbx.hang_up("away-1")
        await events.event("ChannelDestroyed", id="away-1")
        told = [one for one in events.seen if one["type"] == "event"]
        positions = [position["seq"], *(one["seq"] for one in told)]
        assert [one["prev"] for one in told] == positions[:-1]
        assert "aribridge.parted" not in json.dumps(told)
        await state.until(lambda one: one["type"] == "patch" and removes(one, "away-1"))
        assert not [one for client in (events, state) for one in client.seen if one["type"] in {"gap", "snapshot"}]
        # Who comes anew gets the state as of then, which what Asterisk kept brings up to date.
        await fresh.until(lambda one: one["type"] == "patch" and removes(one, "away-1"))
        (snapshot,) = [one for one in fresh.seen if one["type"] == "snapshot"]
        assert "before-1" not in snapshot["state"]["channels"] or any(
            removes(one, "before-1") for one in patches(fresh)
        )


def patches(client):
    return [one for one in client.seen if one["type"] == "patch"]


async def test_what_is_on_its_way_when_the_gateway_leaves_is_read(gateways):
    """Asterisk has sent it, and does not send it again."""
    port = free_port()
    async with faulty_proxy(port) as proxy, dialling(port, proxy.port) as pbx:
        gateway = await pbx.gateway(gateways)
        position = await last_seen(gateway)
        proxy.delay = 1.0
        await pbx.call("way-1")
        await gateway.stop()
        proxy.delay = 0.0
        await gateway.start()
        async with back(gateway, position) as client:
            await client.event("ChannelCreated", id="way-1")
            await pbx.hang_up("way-1")
            await client.event("ChannelDestroyed", id="way-1")
            assert [one for one in client.seen if one["type"] == "gap"] == []


def removes(patch, channel):
    return any(change["id"] == channel and "remove" in change for change in patch["changes"])


async def test_after_a_crash_there_is_a_gap_and_what_asterisk_kept(pbx, gateways):
    gateway = await pbx.gateway(gateways)
    await pbx.call("crash-1")
    position = await last_seen(gateway)
    await pbx.outlive(gateway)
    await pbx.hang_up("crash-1")
    await gateway.start()
    async with back(gateway, position) as client:
        gap = await client.until(lambda one: one["type"] == "gap")
        assert (gap["reason"], gap["was"]) == ("restarted", position)


async def test_another_run_of_asterisk_is_a_gap(gateways):
    async with dialling() as pbx:
        gateway = await pbx.gateway(gateways)
        await pbx.call("run-1")
        position = await last_seen(gateway)
        await gateway.stop()
        await pbx.asterisk.stop()
        await pbx.asterisk.start()
        await gateway.start()
        async with back(gateway, position, mode="state") as client:
            gap = await client.until(lambda one: one["type"] == "gap")
            assert (gap["reason"], gap["was"]["epoch"]) == ("restarted", position["epoch"])
            # Who comes before the call state is read is told first what the last run kept.
            assert gap["was"]["seq"] >= position["seq"]
            snapshot = await client.until(lambda one: one["type"] == "snapshot" and one["last"])
            assert snapshot["state"]["channels"] == {}


async def test_what_another_took_meanwhile_is_a_gap(gateways):
    """Somebody else answered at the gateway's address, and got what Asterisk had kept."""
    async with dialling() as pbx:
        gateway = await pbx.gateway(gateways)
        await pbx.call("thief-1")
        position = await last_seen(gateway)
        await gateway.stop()
        other = await pbx.gateway(gateways)
        await other.stop()
        await gateway.start()
        async with back(gateway, position) as client:
            gap = await client.until(lambda one: one["type"] == "gap")
            assert gap["reason"] == "restarted"
        await pbx.hang_up("thief-1")


async def test_wrong_credentials_are_said_with_the_remedy(pbx, gateways):
    (gateways._folder / "other").write_text("wr0ng-s3cret")
    (gateways._folder / "other").chmod(0o600)
    gateway = await pbx.gateway(gateways)
    async with aiohttp.ClientSession() as http:
        for header in (None, "Basic !", "Basic \N{GREEK SMALL LETTER PI}", aiohttp.encode_basic_auth("x", "y")):
            headers = {} if header is None else {"Authorization": header}
            async with http.get(pbx.uri.replace("ws", "http", 1), headers=headers) as response:
                assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Basic realm="aribridge"')
        async with http.get(f"http://127.0.0.1:{pbx.port}/v1/asterisk/pxb") as response:
            assert response.status == 404
    lines = [json.loads(line) for line in gateway.log if "asterisk.refused" in line]
    assert [line["reason"] for line in lines] == ["wrong credentials", "unknown target"]
    assert "websocket_client.conf" in lines[0]["remedy"]
    assert "/v1/asterisk/pbx" in lines[1]["remedy"]
    assert (await readiness(gateway))[0] == 200


async def test_a_second_socket_is_refused_and_the_first_goes_on(pbx, gateways):
    gateway = await pbx.gateway(gateways)
    authorization = aiohttp.encode_basic_auth(pbx.asterisk.user, pbx.asterisk.password)
    async with aiohttp.ClientSession(headers={"Authorization": authorization}) as http:
        for _ in range(3):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(pbx.uri, protocols=["ari"])
            assert caught.value.status == 409
    assert (await refused(gateway))["reason"] == "a second event socket"
    assert len([line for line in gateway.log if "asterisk.refused" in line]) == 1
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        await pbx.call("second-1")
        await client.event("ChannelCreated", id="second-1")
        await pbx.hang_up("second-1")


async def test_an_asterisk_that_does_not_dial_is_said(asterisk22, asterisk16, gateways):
    """22 was not told to, 16 cannot."""
    server = {"asterisk": f"127.0.0.1:{free_port()}"}
    for asterisk, said in ((asterisk22, "does not dial in"), (asterisk16, "cannot dial in")):
        gateway = await gateways.start(target(asterisk, link="outbound"), server=server, ready=False)

        async def told(gateway=gateway, said=said):
            return said in (await readiness(gateway))[1]

        await until(told, within=30, what=said)
        await gateway.stop()


async def test_an_application_that_another_took_comes_back_as_is_said(gateways):
    async with dialling() as pbx:
        gateway = await pbx.gateway(gateways)
        authorization = aiohttp.encode_basic_auth(pbx.asterisk.user, pbx.asterisk.password)

        async def taken():
            return "took the application" in (await readiness(gateway))[1]

        async with (
            aiohttp.ClientSession(headers={"Authorization": authorization}) as http,
            http.ws_connect(f"{pbx.asterisk.ari_url}/events", params={"app": pbx.asterisk.app}),
        ):
            await until(taken, what="it is said that another took the application")
        taking = asyncio.create_task(take_over(gateway))

        async def told():
            return "ari start outbound-websocket pbx" in (await readiness(gateway))[1]

        await until(told, what="the remedy")
        await pbx.asterisk.cli("ari shutdown websocket session pbx")
        await pbx.asterisk.cli("ari start outbound-websocket pbx")

        async def ready():
            return (await readiness(gateway))[0] == 200

        await until(ready, within=40, what="it is back")
        assert await taking == 200


async def take_over(gateway):
    """As `aribridge takeover` asks for it: the other has not been gone for long."""
    connector = aiohttp.UnixConnector(str(gateway.folder / "state" / "admin.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post("http://gateway/v1/takeover", params={"target": "pbx"}) as response,
    ):
        return response.status
