"""The audit log of a gateway that runs: who did what, by which rule, what came of it, and what it must not have."""

import asyncio
import json
import os
import signal
import sys

import aiohttp
import pytest
from real.gateway import target
from real.wait import until
from real.wsclient import connect, greeted, hasty

SCRIPT = """\
function on_command(conn, cmd)
  if cmd.op == "channels.ring" then return bridge.deny("no ringing here") end
  if cmd.op == "channels.hold" then
    cmd.op, cmd.params.direction = "channels.mute", "both"
    return cmd
  end
  if cmd.op == "channels.unhold" then
    cmd.op, cmd.params.direction = "channels.unmute", "both"
    return bridge.as_system(cmd)
  end
  if cmd.op == "asterisk.ping" then return bridge.reply { status = 299 } end
  return cmd
end

function on_call(call)
  call:answer()
  bridge.sleep(60000) -- until its caller is gone
end
"""


@pytest.fixture
async def audited(gateways, asterisk22, tmp_path):
    script = tmp_path / "judge.lua"
    script.write_text(f'local bridge = require "bridge"\n{SCRIPT}')
    scripts = {"files": [str(script)]}
    return await gateways.start(target(asterisk22), scripts=scripts, state=gateways.short_state())


async def line(gateway, **fields):
    """The first line with these fields."""
    found = []

    def there():
        found[:] = [one for one in gateway.audit if fields.items() <= one.items()]
        return found

    await until(there, what=f"{fields} in {[*gateway.audit][-5:]}")
    return found[0]


async def aribridge(gateway, *arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aribridge", *arguments, "-c", str(gateway.config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return output.decode()


def agent(gateway, **claims):
    rights = {"tenant": "acme", "roles": ["agent"], "endpoints": ["Local/600@default"], "ops": None}
    return gateway.token(**rights | claims)


async def test_a_command_has_who_what_rule_and_outcome(audited):
    async with greeted(audited.url, agent(audited)) as client:
        body = {"endpoint": "Local/600@default", "appArgs": "Zq9args", "variables": {"PIN": "Zq9pin"}}
        made = (await client.request("POST", "/channels", body=body))["body"]["id"]
        told = await line(audited, op="channels.originate")
        assert (await client.request("GET", f"/channels/{made}"))["status"] == 200
        refused = await client.ask(type="request", id="no", op="channels.list", params={}, target="pbx")
        assert refused["status"] == 200
        gone = await client.ask(type="request", id="why", op="channels.hangup", params={"channelId": "nobodys"})
        assert gone["status"] == 403
        denied = await line(audited, request="why")
        hung_up = await client.request("DELETE", f"/channels/{made}", query={"reason": "busy"})
        assert hung_up["status"] == 204
        hangup = await line(audited, op="channels.hangup", effect="allow")
        login = await line(audited, kind="login")
    assert (
        told.items()
        >= {
            "kind": "command",
            "effect": "allow",
            "sub": "alice",
            "tenant": "acme",
            "roles": ["agent"],
            "carrier": "websocket",
            "address": "127.0.0.1",
            "target": "pbx",
            "made": f"channels/{made}",
            "outcome": "applied",
            "status": 200,
        }.items()
    )
    assert told["rule"].startswith("roles.agent")
    assert "policy.toml:" in told["where"]
    assert told["on"]["endpoints"] == ["Local/600@default"]
    assert told["params"].items() >= {"endpoint": "Local/600@default", "appArgs": "…", "variables": ["PIN"]}.items()
    assert (denied["effect"], denied["outcome"], denied["status"]) == ("deny", "not_applied", 403)
    assert denied["on"] == {"channels": ["nobodys"]}
    assert "nobodys" in denied["reason"]
    assert hangup["on"] == {"channels": [made]}
    assert hangup["params"]["reason"] == "busy"
    assert login["connection"] == told["connection"]
    assert not [one for one in audited.audit if one.get("op") in {"channels.list", "channels.get"}]
    assert "Zq9" not in json.dumps(audited.audit)


async def test_what_scripts_did_to_commands_and_what_they_did_themselves(audited):
    async with greeted(audited.url, audited.token()) as client:
        params = {"endpoint": "Local/600@default"}
        made = (await client.ask(type="request", op="channels.originate", params=params, flow=True))["body"]["id"]
        await line(audited, op="channels.answer", by="script")
        for op, status in (("ring", 403), ("hold", 204), ("unhold", 204)):
            reply = await client.ask(type="request", op=f"channels.{op}", params={"channelId": made})
            assert reply["status"] == status, reply
        replied = await client.request("GET", "/asterisk/ping")
        assert replied["status"] == 299, replied
        await client.request("DELETE", f"/channels/{made}")
        denied = await line(audited, op="channels.ring")
        rewritten = await line(audited, op="channels.mute")
        as_system = await line(audited, op="channels.unmute")
        own = await line(audited, op="channels.answer")
        untouched = await line(audited, op="channels.hangup")
    assert (denied["effect"], denied["error"], denied["source"]) == ("deny", "denied", "script")
    assert (denied["reason"], denied["scripts"]) == ("no ringing here", ["judge.lua"])
    assert (rewritten["changed_by"], rewritten["scripts"]) == ("script", ["judge.lua"])
    assert (as_system["changed_by"], as_system["effect"]) == ("bridge.as_system", "allow")
    assert as_system["scripts"] == ["judge.lua"]
    assert "scripts" not in untouched
    assert own.items() >= {"script": "judge.lua", "status": 204, "outcome": "applied"}.items()
    assert "sub" not in own
    assert not [one for one in audited.audit if one.get("op") == "asterisk.ping"]


async def test_a_subject_by_the_name_of_the_gateway_is_none_of_its_own(audited):
    async with greeted(audited.url, audited.token(sub="gateway")) as client:
        await client.request("DELETE", "/channels/none")
        told = await line(audited, op="channels.hangup")
        assert (told["sub"], told["status"], told["outcome"]) == ("gateway", 404, "not_applied")
        await client.request("DELETE", "/channels/another")
        await until(lambda: len([1 for one in audited.audit if one.get("op") == "channels.hangup"]) == 2, what="both")
    assert not [one for one in audited.audit if "by" in one]


async def test_refused_logins_of_every_door(audited):
    async with aiohttp.ClientSession() as http:
        for _ in range(3):
            async with http.get(f"{audited.url}/v1/state", headers={"Authorization": "Bearer Zq9wrong"}) as answer:
                assert answer.status == 401
        async with http.post(f"{audited.url}/janus", json={"janus": "create", "transaction": "t", "token": "Zq9wrong"}):
            pass
        async with http.ws_connect(f"{audited.url}/v1/ws", protocols=("aribridge.v1",)) as socket:
            await socket.send_json({"type": "hello", "id": 1, "token": "Zq9wrong"})
            await socket.receive(30)
    for carrier in ("GET /v1/state", "janus", "websocket"):
        told = await line(audited, kind="login", carrier=carrier)
        assert (told["effect"], told["address"]) == ("deny", "127.0.0.1")
        assert told["reason"]
    assert len([one for one in audited.audit if one.get("carrier") == "GET /v1/state"]) == 1
    await audited.stop()
    assert [one.get("count") for one in audited.audit if one.get("carrier") == "GET /v1/state"] == [None, 2]
    assert "Zq9" not in json.dumps(audited.audit)


async def test_events_and_state_that_are_refused(audited):
    token = audited.token(ops=["channels.*"])
    async with greeted(audited.url, token) as client, aiohttp.ClientSession() as http:
        assert (await client.ask(type="subscribe", sub=1))["status"] == 403
        async with http.get(f"{audited.url}/v1/state", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == 403
        on_socket = await line(audited, kind="access", message="subscribe")
        by_http = await line(audited, kind="access", carrier="GET /v1/state")
    assert (on_socket["sub"], by_http["sub"]) == ("alice", "alice")
    assert "events.eventWebsocket" in on_socket["reason"]


async def test_what_the_operator_does(audited):
    async with connect(audited.url, bearer=audited.token(jti="t-1")) as client:
        connection = (await line(audited, kind="login"))["connection"]
        await aribridge(audited, "log-level", "warning")
        await aribridge(audited, "call", "PUT", "/deviceStates/Stasis:x", "deviceState=BUSY")
        await aribridge(audited, "reload")
        await aribridge(audited, "takeover")
        await aribridge(audited, "status")
        await aribridge(audited, "kick", connection, "--reason", "lunch")
        await client.goodbye()
    await aribridge(audited, "token", "revoke", "--jti", "t-1")
    os.kill(audited.pid, signal.SIGHUP)
    await line(audited, by="SIGHUP", operation="reload")
    await aribridge(audited, "drain")
    await audited.ended()
    told = {one["operation"]: one for one in audited.audit if one.get("by") == "socket"}
    assert told.keys() == {"log-level", "reload", "takeover", "kick", "revoke", "drain"}
    assert {one["uid"] for one in told.values()} == {os.getuid()}
    assert told["log-level"]["about"] == {"level": "warning"}
    assert told["kick"]["about"] == {"connection": connection, "reason": "lunch", "user": "alice"}
    assert told["revoke"]["about"]["jti"] == "t-1"
    call = await line(audited, sub="operator", op="deviceStates.update")
    assert (call["carrier"], call["outcome"]) == ("operator", "applied")
    assert (audited.audit[0]["operation"], audited.audit[-1]["operation"]) == ("start", "stop")


async def test_reads_are_on_record_where_that_is_wanted(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22), audit={"reads": True})
    async with greeted(gateway.url, gateway.token()) as client:
        await client.request("GET", "/channels")
        assert (await line(gateway, op="channels.list"))["outcome"] == "applied"


async def test_an_outage_of_the_log_is_seen_and_calls_go_on(audited):
    folder = audited.state / "audit"
    async with connect(audited.url, bearer=audited.token()) as client:
        await line(audited, kind="login")
        folder.rename(audited.state / "elsewhere")
        assert (await client.request("PUT", "/deviceStates/Stasis:y", query={"deviceState": "BUSY"}))["status"] == 204
        await until(lambda: is_told(audited), what="/readyz tells of it")
        assert (await audited.admin("/readyz"))[0] == 200
        assert "NOT WRITTEN: " in await aribridge(audited, "status")
        assert "fail     audit log: is not written: " in await aribridge(audited, "doctor")
        assert (await audited.metrics())["aribridge_audit_failures_total"] > 0
        (audited.state / "elsewhere").rename(folder)
        await line(audited, op="deviceStates.update")
        assert f"audit log: {folder / 'audit.jsonl'}" in await aribridge(audited, "status")
    assert len([1 for text in audited.log if "audit.failed" in text]) == 1


async def is_told(gateway):
    return json.loads((await gateway.admin("/readyz"))[1])["audit"]["fault"]


async def test_a_restarted_gateway_appends(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    await gateway.stop()
    await gateway.start()
    await until(lambda: len(gateway.audit) == 3, what="it started twice")
    assert [one["operation"] for one in gateway.audit] == ["start", "stop", "start"]


async def test_who_says_hello_along_with_the_upgrade_comes_in_once(audited):
    async with hasty(audited.port, {"type": "hello", "id": 1, "token": audited.token(sub="hasty")}) as reader:
        await reader.readuntil(b'"welcome"')
    async with greeted(audited.url, audited.token(sub="later")):
        await line(audited, kind="login", sub="later")
    assert len([one for one in audited.audit if (one["kind"], one.get("sub")) == ("login", "hasty")]) == 1
