"""Scripts own phone calls: real callers, real Asterisks, and nothing left behind."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from flow_parts import ended, listening, logged, nothing_left, press
from real.gateway import target
from real.wait import until
from real.wsclient import greeted


@pytest.fixture
async def flows(asterisk, gateways, tmp_path):
    """Starts a gateway that gets the dialplan's calls, with one script."""

    async def start(source, **settings):
        script = tmp_path / "flow.lua"
        script.write_text(source)
        gateway = await gateways.start(target(asterisk, app=asterisk.app), scripts={"files": [str(script)], **settings})
        gateway.asterisk = asterisk
        return gateway

    yield start
    await nothing_left(asterisk)


async def test_a_flow_answers_plays_and_ends(flows, phones):
    gateway = await flows(
        "function on_call(call)\n"
        "  call:answer()\n"
        "  local digit, how = call:play('sound:beep')\n"
        "  print(call.exten, call.caller.name, digit, how)\n"
        "end\n"
    )
    phone = await phones.call(gateway.asterisk.sip_port, "7001")
    await phone.done()
    line = await ended(gateway)
    assert (line["outcome"], line["hung_up_by"], line["where"]) == ("hung up", "script", "flow.lua:5")
    assert (line["script"], line["exten"]) == ("flow.lua", "7001")
    assert (await logged(gateway, "script.log"))["text"] == "7001\tTest phone\tnil\tdone"


async def test_a_caller_hears_the_dialplan_when_a_flow_fails(flows, phones, tmp_path):
    gateway = await flows(
        "function on_call(call)\n  call:answer()\n  call:play('sound:beep')\n  local x = nil + 1\nend\n"
    )
    port = gateway.asterisk.sip_port
    async with (
        greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client,
        listening(phones, tmp_path, port, "7001") as (phone, ear),
    ):
        told = await client.until(lambda m: m["type"] == "event" and m["data"].get("variable") == "ARIBRIDGE_RESULT")
        assert told["data"]["value"] == "error"
        ear.heard.clear()
        await client.until(lambda m: m["type"] == "event" and m["data"].get("dialplan_app") == "Playback")
        await until(lambda: len(ear.heard) > 10, what="the caller hears more than silence")
        await client.request("DELETE", f"/channels/{told['data']['channel']['id']}")
        await phone.done()
    line = await ended(gateway)
    assert (line["outcome"], line["where"]) == ("error", "flow.lua:4")


async def test_digits_before_and_during_a_prompt_are_read(flows, phones, tmp_path):
    gateway = await flows(
        "function on_call(call)\n"
        "  call:answer()\n"
        "  local first, why = call:read{prompt = 'sound:vm-password', max = 4, timeout = 20}\n"
        "  local second, how = call:read{prompt = {'sound:vm-password', 'sound:vm-password'}, max = 9, timeout = 20}\n"
        "  local third, last = call:read{max = 4, timeout = 0.1}\n"
        "  print(first, why, second, how, third, last)\n"
        "  call:hangup('busy')\n"
        "end\n"
    )
    phone = await press(phones, tmp_path, gateway.asterisk.sip_port, " 1234  56#")
    await phone.done()
    assert (await logged(gateway, "script.log"))["text"] == "1234\tmax\t56\tterminator\t\ttimeout"
    assert (await ended(gateway))["where"] == "flow.lua:7"


async def test_a_caller_who_hangs_up_is_told_at_the_pending_verb(flows, phones):
    gateway = await flows(
        "function on_call(call)\n"
        "  call:answer()\n"
        "  local ok, problem\n"
        # A play may end as finished just before its caller is known to be gone.
        "  repeat ok, problem = pcall(call.play, call, 'tone:ring') until not ok\n"
        "  print(ok, problem.code)\n"
        "  local again, more = pcall(call.play, call, 'tone:ring')\n"
        "  print(again, more.code)\n"
        "  call:play('tone:ring')\n"
        "end\n"
    )
    phone = await phones.call(gateway.asterisk.sip_port, "7001", scenario="call_for_a_while", ms=500)
    await phone.done()
    line = await ended(gateway)
    assert (line["outcome"], line["hung_up_by"], line["where"]) == ("hung up", "caller", "flow.lua:8")
    texts = [text for text in gateway.log if "script.log" in text]
    assert [json.loads(text)["text"] for text in texts] == ["false\thangup"] * 2


async def test_a_call_that_nobody_takes_goes_back_to_the_dialplan(flows):
    gateway = await flows("function accepts() return false end\nfunction on_call() end\n", unhandled_after=0.5)
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        await client.request("POST", "/channels", query={"endpoint": "Local/7003@default"})
        taken = await client.until(lambda m: m["type"] == "event" and m["data"].get("variable") == "ARIBRIDGE_RESULT")
        assert taken["data"]["value"] == "unhandled"
        await client.until(lambda m: m["type"] == "event" and m["data"].get("dialplan_app") == "Playback")


async def test_the_script_that_swallows_everything_is_ended(asterisk22, gateways, tmp_path, phones):
    script = tmp_path / "flow.lua"
    script.write_text("function on_call(call)\n  call:answer()\n  while true do pcall(call.wait, call, 60) end\nend\n")
    gateway = await gateways.start(target(asterisk22, app=asterisk22.app), scripts={"files": [str(script)]})
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        phone = await phones.call(asterisk22.sip_port, "7001", scenario="call_for_a_while", ms=300)
        await phone.done()
        left = await client.event("StasisEnd")
    line = await ended(gateway)
    assert line["hung_up_by"] == "caller"
    after = datetime.fromisoformat(line["timestamp"]) - datetime.fromisoformat(left["data"]["timestamp"])
    assert 5 <= after.total_seconds() < 9


async def test_a_dialled_phone_talks_to_the_caller(flows, phones):
    answerer = await phones.answerer()
    gateway = await flows(
        "function on_call(call)\n"
        f"  local how, who = call:dial('PJSIP/loopback/sip:phone@127.0.0.1:{answerer.port}', {{timeout = 10}})\n"
        "  print(how, who)\n"
        "end\n"
    )
    phone = await phones.call(gateway.asterisk.sip_port, "7001", scenario="call_for_a_while", ms=800)
    await phone.done()
    await answerer.done()
    assert (await ended(gateway))["hung_up_by"] == "caller"
