"""Call flows while Asterisk cannot be reached, the gateway stops, or a script is loaded anew."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from models.simulated import in_simulated_time
from real.wait import until
from script_parts import DIALS, RecordingAsterisks, arrived, failures, made

from aribridge.core.command import Command
from aribridge.core.settings import ScriptSettings
from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost
from aribridge.script.flows.memory import Memory, Record
from aribridge.script.kv import Kv


def test_legs_ring_on_after_a_gap_in_which_asterisk_cannot_be_asked(tried):
    script = """
        local bridge = require "bridge"
        function on_call(call)
          call:on("ChannelTalkingStarted", function() bridge.sleep(1000) end)
          call:dial{"PJSIP/200", "PJSIP/201"}
        end"""
    tests = """
        local function too_many_events(call)
          T.event({type = "ChannelTalkingStarted", channel = {id = call.id}})
          for _ = 1, 1100 do T.event({type = "ChannelTalkingFinished", channel = {id = call.id}}) end
          T.advance(2000)
        end
        function test_ring_on()
          local call = T.call()
          local phone = T.dialled()[1]
          T.ari("channels.get", function() return T.error {status = 503, code = "target_down"} end)
          too_many_events(call)
          T.equal(call:ended(), nil)
          phone:answer()
          T.equal(call:talks_to(), {phone.id})
        end
        function test_gone()
          local call = T.call()
          T.ari("channels.get", function(params)
            if params.channelId == call.id then return {id = call.id} end
            return T.error {status = 404}
          end)
          too_many_events(call)
          T.equal(call:ended().outcome, "hung up")
        end"""
    assert failures(tried(script, tests)) == []


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("function on_call(call) end", ["channels.hangup"]),
        (
            "function on_call(call) call:answer() end",
            ["channels.setChannelVar", "channels.continueInDialplan"],
        ),
        (
            "function accepts(call) return false end function on_call(call) end",
            ["channels.setChannelVar", "channels.continueInDialplan"],
        ),
    ],
    ids=["hung up", "failed", "nobody's"],
)
async def test_a_call_that_ends_while_there_is_no_link_is_not_left_in_silence(
    load, asterisks: RecordingAsterisks, monkeypatch, script: str, wanted: list[str]
):
    monkeypatch.setattr("aribridge.script.flows.patience._PAUSE_SECONDS", 0.05)
    host = load(script, unhandled_after=1)
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    down = Problem("target_down", "no link")
    asterisks.answers |= dict.fromkeys(("channels.answer", *wanted), down)
    host.on_event("pbx", arrived("1.1"))
    async with asyncio.timeout(20):
        await asterisks.reached(5)
        asterisks.answers |= dict.fromkeys(wanted, None)
        while [call[1] for call in asterisks.calls][-len(wanted) :] != wanted:
            await asterisks.reached(len(asterisks.calls) + 1)


async def test_a_gateway_that_stops_waits_for_no_link(load, asterisks: RecordingAsterisks):
    host = load("function on_call(call) end")
    asterisks.answers |= {"channels.list": [], "bridges.list": [], "channels.hangup": Problem("target_down", "no link")}
    host.on_event("pbx", arrived("1.1"))
    await asterisks.reached(1)
    async with asyncio.timeout(20):
        await host.close()


async def test_legs_are_hung_up_when_the_link_is_back(load, asterisks: RecordingAsterisks, monkeypatch):
    monkeypatch.setattr("aribridge.script.flows.patience._PAUSE_SECONDS", 0.05)
    host = load('function on_call(call) call:dial{"PJSIP/1", "PJSIP/2"} end')
    asterisks.answers |= {"channels.list": [], "bridges.list": [], "channels.hangup": Problem("target_down", "no link")}
    host.on_event("pbx", arrived("1.1"))
    async with asyncio.timeout(20):
        await asterisks.reached(3)
        host.on_event("pbx", {"type": "StasisEnd", "channel": {"id": "1.1"}})
        await asterisks.reached(7)
        asterisks.answers["channels.hangup"] = None
        with structlog.testing.capture_logs() as logs:
            await until(lambda: any(entry["event"] == "flow.ended" for entry in logs))
    assert not any(entry["event"] == "flow.left_behind" for entry in logs)
    assert [call[1] for call in asterisks.calls[-2:]] == ["channels.hangup"] * 2


@in_simulated_time
async def test_flows_of_a_script_that_a_reload_brought_are_not_taken_for_those_of_the_last_run(
    tmp_path, asterisks: RecordingAsterisks
):
    file = tmp_path / "s.lua"
    file.write_text("function on_event(event) return event end")
    host = ScriptHost(ScriptSettings(files=[str(file)], unhandled_after=3), asterisks, tmp_path)
    host.load()
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    host.flows.resync("pbx", "app")
    host.on_event("pbx", arrived("1.0"))  # a client's, for as long as it likes
    file.write_text("""
        local ari = require "ari"
        function on_call(call) call:answer() call:wait() end
        function on_resume(call) ari.channels.list() end""")
    host.load()
    host.on_event("pbx", arrived("1.1"))
    inside = {"app_name": "Stasis", "app_data": "app"}
    asterisks.answers["channels.list"] = [{"id": ident, "dialplan": inside} for ident in ("1.0", "1.1")]
    await asterisks.reached(1)
    with structlog.testing.capture_logs() as logs:
        host.flows.resync("pbx", "app")
        await asterisks.reached(4)
        await asyncio.sleep(6)  # longer than scripts.unhandled_after
    assert sorted(call[1] for call in asterisks.calls) == [
        "bridges.list",
        "channels.answer",
        "channels.get",
        "channels.list",
    ]
    assert [entry["event"] for entry in logs] == []
    await host.close()


@in_simulated_time
async def test_a_clients_call_is_left_alone_when_asterisk_is_looked_at_late(tmp_path, asterisks: RecordingAsterisks):
    file = tmp_path / "s.lua"
    file.write_text("function accepts(call) return false end function on_call(call) end")
    host = ScriptHost(ScriptSettings(files=[str(file)]), asterisks, tmp_path)
    host.load()
    asterisks.answers |= {"channels.list": Problem("target_down", "no link"), "bridges.list": []}
    host.flows.resync("pbx", "app")
    async with asyncio.timeout(20):
        await asterisks.reached(1)
    host.on_event("pbx", arrived("1.1"))
    host.flows.outgoing(Command("pbx", "channels.answer", {"channelId": "1.1"}), by="client")
    host.on_event("pbx", arrived("1.2", replace_channel={"id": "1.1"}))
    host.on_event("pbx", {"type": "StasisEnd", "channel": {"id": "1.1"}})
    inside = {"app_name": "Stasis", "app_data": "app"}
    asterisks.answers["channels.list"] = [{"id": ident, "dialplan": inside} for ident in ("1.1", "1.2")]
    host.flows.resync("pbx", "app")
    async with asyncio.timeout(20):
        await asterisks.reached(5)  # 1.1 was in there when nobody heard of it
    await asyncio.sleep(60)  # longer than the grace
    sent_on = [call[2]["channelId"] for call in asterisks.calls if call[1] == "channels.continueInDialplan"]
    assert sent_on == ["1.1"]
    await host.close()


@in_simulated_time
async def test_calls_are_the_clients_for_good_once_no_script_takes_any(tmp_path, asterisks: RecordingAsterisks):
    file = tmp_path / "s.lua"
    file.write_text("function accepts(call) return false end function on_call(call) end")
    host = ScriptHost(ScriptSettings(files=[str(file)], unhandled_after=3), asterisks)
    host.load()
    host.on_event("pbx", arrived("1.1"))
    file.write_text("function on_event(event) return event end")
    host.load()
    await asyncio.sleep(6)  # longer than scripts.unhandled_after
    assert asterisks.calls == []
    await host.close()


async def test_a_call_that_left_and_came_back_during_a_gap_has_one_flow(load, asterisks: RecordingAsterisks):
    host = load("""
        local calls = 0
        function on_call(call)
          calls = calls + 1
          call:set("FLOW", calls)
          call:moh()
          call:wait()
        end""")
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    host.on_event("pbx", arrived("1.1"))
    await asterisks.reached(2)
    with structlog.testing.capture_logs() as logs:
        host.on_event("pbx", arrived("1.1"))
        await asterisks.reached(4)
        await until(lambda: any(entry["event"] == "flow.ended" for entry in logs))
    assert [call[1] for call in asterisks.calls] == ["channels.setChannelVar", "channels.startMoh"] * 2
    assert asterisks.owned[-1] == ("pbx", "1.1", "s1.lua")


async def test_what_a_call_has_is_written_down_for_the_next_run_as_long_as_it_lasts(
    tmp_path, asterisks: RecordingAsterisks
):
    (tmp_path / "s.lua").write_text(DIALS)
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    asterisks.held = asyncio.Event()
    host = ScriptHost(ScriptSettings(files=[str(tmp_path / "s.lua")]), asterisks, tmp_path / "state")
    host.load()
    kv = Kv(tmp_path / "state", 1 << 20)
    try:
        host.on_event("pbx", arrived("1.1"))
        async with asyncio.timeout(20):
            await asterisks.reached(1)
            (leg,) = made(asterisks, "channels.originate")
            await until(lambda: left_behind(kv, {"1.1", leg}), what="the leg is written down before it is made")
            asterisks.held.set()
            host.on_event("pbx", {"type": "StasisEnd", "channel": {"id": "1.1"}})
            await until(lambda: left_behind(kv), what="nothing is left")
    finally:
        asterisks.held.set()
        await host.close()
        await kv.close()


async def left_behind(kv: Kv, *channels: set[str]) -> bool:
    """Whether the next run would find just these calls, each with its channels."""
    return [record.channels() for record in (await Memory(kv).left("pbx")).values()] == list(channels)


async def test_a_caller_who_hung_up_while_the_call_was_taken_up_again_is_gone(tmp_path, asterisks: RecordingAsterisks):
    """The event of it may have come before the flow was there to hear it."""
    script, state = tmp_path / "s.lua", tmp_path / "state"
    script.write_text("function on_call() end function on_resume(call) call:wait(3600) end")
    state.mkdir()
    kv = Kv(state, 1 << 20)
    Memory(kv).note("f_1", Record("pbx", "1.1", "s.lua"))
    await kv.close()
    channel = {"id": "1.1", "dialplan": {"app_name": "Stasis", "app_data": "app"}}
    gone = Problem("asterisk_error", "gone", status=404, source="asterisk")
    asterisks.answers |= {"channels.list": [channel], "bridges.list": [], "channels.get": gone}
    host = ScriptHost(ScriptSettings(files=[str(script)]), asterisks, state)
    host.load()
    try:
        with structlog.testing.capture_logs() as logs:
            host.flows.resync("pbx", "app")
            await until(lambda: [entry for entry in logs if entry["event"] == "flow.ended"])
        assert [entry["outcome"] for entry in logs if entry["event"] == "flow.ended"] == ["hung up"]
    finally:
        await host.close()
