"""A Lua script in the path, from the client to a real Asterisk and back: the shipped examples, all at once."""

from urllib.parse import urlsplit

import pytest
from flow_parts import hang_up_all
from models.gateway_clients import ari
from real.gateway import target
from real.machine import ROOT
from real.peer import connected
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import greeted

EXAMPLES = ["deny_hangup", "rewrite_callerid", "enrich_event", "answer_message"]


MANY = """
local ari, bridge, task = require "ari", require "bridge", require "task"
local waiting = 0

local function one(k)
  waiting = waiting + 1
  ari.asterisk.setGlobalVar { variable = "MANY_" .. k, value = tostring(k) }
  waiting = waiting - 1
  bridge.sleep(0.1)
  return ari.asterisk.getGlobalVar { variable = "MANY_" .. k }.value
end

local function all(conn)
  local jobs, right = {}, 0
  for k = 1, 1000 do jobs[k] = function() return one(k) end end
  for k, value in ipairs(task.gather(jobs)) do right = right + (value == tostring(k) and 1 or 0) end
  conn:send { right = right }
end

function on_message(conn, data)
  if data == "waiting" then return waiting end
  task.spawn(all, conn)
  return true
end
"""


@pytest.fixture
async def scripted(asterisk, gateways):
    files = [str(ROOT / "lua" / "examples" / f"{name}.lua") for name in EXAMPLES]
    return await gateways.start(target(asterisk), scripts={"files": files})


async def test_a_script_denies_rewrites_enriches_and_answers(scripted):
    async with (
        greeted(scripted.url, scripted.token(subs=None), subs=[{"sub": 1}]) as agent,
        greeted(scripted.url, scripted.token(sub="bob", roles=["supervisor"])) as supervisor,
    ):
        params = {"endpoint": "Local/600@default", "callerId": "Mallory <666>"}
        originated = await agent.ask(type="request", op="channels.originate", params=params)
        channel = originated["body"]["id"]

        start = await agent.event("StasisStart", id=channel)
        assert start["data"]["caller_name"] == "unknown"
        connected = start["data"]["channel"]["connected"] | start["data"]["channel"]["caller"]
        assert "666" not in connected.values()
        shown = await agent.request("GET", f"/channels/{channel}/variable", query={"variable": "CALLERID(num)"})
        assert shown["body"]["value"] == "+43155512"

        denied = await agent.request("DELETE", f"/channels/{channel}")
        assert (denied["status"], denied["error"]["code"], denied["error"]["source"]) == (403, "denied", "script")
        assert denied["error"]["detail"] == "only supervisors hang up calls"
        assert (await agent.request("GET", f"/channels/{channel}"))["status"] == 200

        answered = await agent.ask(type="message", data={"ask": "calls"})
        assert answered["body"]["calls"] >= 2

        allowed = await supervisor.request("DELETE", f"/channels/{channel}")
        assert allowed["status"] == 204
        await agent.event("ChannelDestroyed", id=channel)


async def test_a_script_that_fails_harms_only_the_message(gateways, asterisk22, tmp_path):
    script = tmp_path / "broken.lua"
    script.write_text("function on_message(conn, data)\n  return data.missing.field\nend\n")
    gateway = await gateways.start(target(asterisk22), scripts={"files": [str(script)]})
    async with greeted(gateway.url, gateway.token()) as client:
        reply = await client.ask(type="message", data={})
        error = reply["error"]
        assert (reply["status"], error["code"], error["source"]) == (500, "script_error", "script")
        assert (await client.request("GET", "/asterisk/info"))["status"] == 200
    assert any("broken.lua:2" in line for line in gateway.log)


async def test_what_a_script_carried_out_is_not_repeated_because_a_later_one_failed(gateways, asterisk22, tmp_path):
    (tmp_path / "calls.lua").write_text(
        'local ari = require "ari"\n'
        "function on_command(conn, cmd)\n"
        "  ari.channels.list()\n"
        '  if cmd.params.appArgs == "own" then\n'
        '    ari.channels.originate { endpoint = cmd.params.endpoint, extension = "600", context = "default" }\n'
        '  elseif cmd.params.appArgs == "none" then\n'
        '    pcall(ari.channels.hangup, { channelId = "nobody" })\n'
        "  end\n"
        "  return cmd\n"
        "end\n"
    )
    (tmp_path / "fails.lua").write_text('function on_command() error("a fault") end')
    files = [str(tmp_path / name) for name in ("calls.lua", "fails.lua")]
    gateway = await gateways.start(target(asterisk22), scripts={"files": files})

    async def told(client, args):
        params = {"endpoint": "Local/600@default", "app": asterisk22.app, "appArgs": args}
        reply = await client.ask(type="request", op="channels.originate", params=params, key=f"key {args}")
        return reply["error"]["code"], reply["error"]["outcome"]

    async with ari(asterisk22) as call, greeted(gateway.url, gateway.token()) as client:
        before = {channel["id"] for channel in await call("GET", "/channels")}

        async def fresh():
            return {channel["id"] for channel in await call("GET", "/channels")} - before

        assert await told(client, "own") == ("script_error", "unknown")
        made = await fresh()
        assert made
        assert await told(client, "own") == ("outcome_unknown", "unknown")
        assert await fresh() == made
        for args in ("none", "nothing") * 2:
            assert await told(client, args) == ("script_error", "not_applied")
    await hang_up_all(asterisk22)


async def test_a_message_larger_than_its_client_takes_is_left_out_and_named(gateways, asterisk22, tmp_path):
    script = tmp_path / "large.lua"
    script.write_text("function on_message(conn, data) conn:send{ text = ('x'):rep(data) } return data end")
    gateway = await gateways.start(target(asterisk22), scripts={"files": [str(script)]})
    async with connected(gateway.url, gateway.token()) as (_, channel):
        for size in (300_000, 50_000):
            assert (await channel.ask(type="message", data=size))["body"] == size
        got = await channel.until(lambda seen: seen["type"] == "message")
        assert len(got["data"]["text"]) == 50_000
    assert [line for line in gateway.log if "script.send_failed" in line and "frame_too_large" in line]


async def test_what_a_script_rewrote_passes_the_policy_again(gateways, asterisk22, tmp_path):
    script = tmp_path / "escalate.lua"
    script.write_text(
        'local bridge = require "bridge"\n'
        "function on_command(conn, cmd)\n"
        '  if cmd.op == "channels.list" then return { op = "bridges.list", params = {}, target = cmd.target } end\n'
        '  if cmd.op == "endpoints.list" then\n'
        '    return bridge.as_system({ op = "bridges.list", params = {}, target = cmd.target })\n'
        "  end\n"
        "  return cmd\n"
        "end\n"
    )
    gateway = await gateways.start(target(asterisk22), scripts={"files": [str(script)]})
    async with greeted(gateway.url, gateway.token(ops=["channels.list", "endpoints.list"])) as client:
        refused = await client.ask(type="request", op="channels.list")
        assert (refused["status"], refused["error"]["code"]) == (403, "forbidden")
        assert (await client.ask(type="request", op="endpoints.list"))["status"] == 200


async def test_a_thousand_coroutines_wait_for_asterisk_at_once(asterisk, gateways, tmp_path):
    script = tmp_path / "many.lua"
    script.write_text(MANY)
    async with faulty_proxy(urlsplit(asterisk.ari_url).port) as proxy:
        # The last of them waits for all others, however long a busy machine takes.
        section = target(asterisk, url=f"http://127.0.0.1:{proxy.port}/ari", timeout=60.0)
        gateway = await gateways.start(section, scripts={"files": [str(script)]})
        async with greeted(gateway.url, gateway.token()) as client:
            proxy.freeze()
            assert (await client.ask(type="message", data="begin"))["body"] is True
            await until(lambda: _waiting(client, 1000), what="all wait for Asterisk's answer")
            proxy.thaw()
            assert (await client.until(lambda m: m["type"] == "message"))["data"] == {"right": 1000}
        await gateway.stop()


async def _waiting(client, count):
    return (await client.ask(type="message", data="waiting"))["body"] == count
