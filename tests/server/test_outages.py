"""Asterisk away, restarted, taken over, unwilling: the gateway says so, and comes back by itself."""

import json

import aiohttp
from real.asterisk import fresh_asterisk
from real.gateway import target
from real.wait import until
from real.wsclient import greeted


async def readiness(gateway):
    status, text = await gateway.admin("/readyz")
    return status, json.loads(text)["targets"][0]["reason"]


async def test_asterisk_down_at_start(gateways):
    async with fresh_asterisk("22") as asterisk:
        await asterisk.stop()
        gateway = await gateways.start(target(asterisk), ready=False)
        status, reason = await readiness(gateway)
        assert status == 503
        assert asterisk.ari_url in reason
        async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
            assert client.seen[0]["targets"][0]["up"] is False
            refused = await client.request("GET", "/channels")
            error = refused["error"]
            assert (refused["status"], error["code"], error["retry"]) == (503, "target_down", "after")
            assert error["after_ms"] > 0
            await asterisk.start()
            gap = await client.until(lambda seen: seen["type"] == "gap")
            assert (gap["reason"], gap["next"]) == ("upstream_lost", "wait")
            gap = await client.until(lambda seen: seen["type"] == "gap" and seen["next"] != "wait")
            assert (gap["reason"], gap["next"]) == ("upstream_lost", "live")
            assert (await readiness(gateway))[0] == 200
            assert (await client.request("GET", "/channels"))["status"] == 200


async def test_asterisk_restarted_under_a_subscriber(gateways):
    async with fresh_asterisk("22") as asterisk:
        gateway = await gateways.start(target(asterisk))
        async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
            first = client.seen[0]["subs"][0]["body"]["epoch"]
            await asterisk.kill()
            away = await client.until(lambda seen: seen["type"] == "gap")
            assert (away["was"]["epoch"], away["next"]) == (first, "wait")
            await asterisk.start()
            back = await client.until(lambda seen: seen["type"] == "gap" and seen["next"] == "live")
            assert back["was"] == away["now"]
            reply = await client.request("POST", "/channels", query={"endpoint": "Local/600@default"})
            start = await client.event("StasisStart", id=reply["body"]["id"])
            assert start["epoch"] == back["now"]["epoch"] == reply["pos"]["epoch"]
            await client.request("DELETE", f"/channels/{reply['body']['id']}")


async def test_a_wrong_password_is_said_once_and_not_hammered(gateways, tmp_path):
    (tmp_path / "wrong").write_text("planted-wrong")
    (tmp_path / "wrong").chmod(0o600)
    async with fresh_asterisk("22") as asterisk:
        gateway = await gateways.start(target(asterisk, password_file=str(tmp_path / "wrong")), ready=False)
        await until(lambda: any("link.down" in line for line in gateway.log), what="the refusal is logged")
        _, reason = await readiness(gateway)
        assert "password" in reason
        assert "planted-wrong" not in reason + "\n".join(gateway.log)
        assert sum("link.down" in line for line in gateway.log) == 1


async def test_another_client_takes_the_application(gateways):
    async with fresh_asterisk("22") as asterisk:
        section = target(asterisk)
        gateway = await gateways.start(section)
        headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client,
            http.ws_connect(f"{asterisk.ari_url}/events?app={section['app']}"),
        ):
            gap = await client.until(lambda seen: seen["type"] == "gap")
            assert (gap["reason"], gap["next"]) == ("upstream_lost", "wait")
            status, reason = await readiness(gateway)
            assert status == 503
            assert section["app"] in reason
            refused = (await client.request("GET", "/channels"))["error"]
            assert (refused["code"], refused["retry"], refused["outcome"]) == ("target_down", "after", "not_applied")


async def test_two_asterisks(gateways, asterisk22, asterisk16):
    gateway = await gateways.start(target(asterisk22), target(asterisk16, name="old"))
    await until(lambda: sum("link.up" in line for line in gateway.log) == 2, what="both links are up")
    async with greeted(gateway.url, gateway.token()) as client:
        versions = {t["name"]: t["asterisk"].split(".")[0] for t in client.seen[0]["targets"]}
        assert versions == {"pbx": "22", "old": "16"}
        unnamed = await client.request("GET", "/asterisk/info")
        assert (unnamed["status"], unnamed["error"]["code"]) == (400, "target_required")
        for name, version in versions.items():
            info = await client.request("GET", "/asterisk/info", target=name)
            assert info["body"]["system"]["version"].startswith(version)
