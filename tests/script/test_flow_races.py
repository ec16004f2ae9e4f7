"""Call flows where several things happen at once, or something is refused in the middle of a verb."""

from __future__ import annotations

import asyncio
import itertools

import structlog
from real.wait import until
from script_parts import DIALS, RecordingAsterisks, arrived, failures, made

from aribridge.core.settings import ScriptSettings
from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost
from aribridge.script.clocks import Clocks


def test_the_digit_that_ends_a_recording_is_not_read_after_it(tried):
    script = """
        function on_call(call)
          call:answer()
          call:record{name = "m", max = 2, terminator = call.args[1]}
          local got, why = call:read{prompt = "sound:menu", max = 3}
          call:set("GOT", got .. why)
        end"""
    tests = """
        local function read(args, while_recording)
          local call = T.call{args = args}
          call:press(while_recording)
          T.advance(2500)
          call:press("12")
          T.advance(10000)
          return call:variable("GOT")
        end
        function test_the_usual_one() T.equal(read({}, "#"), "12timeout") end
        function test_any() T.equal(read({"any"}, "7"), "12timeout") end
        function test_others_count() T.equal(read({}, "4#"), "412max") end
        function test_none_did()
          local call = T.call{args = {"none"}}
          call:press("#")
          T.advance(3500)
          T.equal(call:variable("GOT"), "terminator")
        end"""
    assert failures(tried(script, tests)) == []


def test_a_call_whose_transfer_was_refused_was_not_transferred(tried):
    script = """
        function on_call(call)
          call:answer()
          call:set("DONE", tostring((pcall(call.transfer, call, "PJSIP/9"))))
          call:wait(60)
        end"""
    tests = """
        function test_refused()
          T.ari("channels.redirect", function() return T.error {status = 409, detail = "not here"} end)
          local call = T.call()
          T.equal(call:variable("DONE"), "false")
          call:hangup()
          T.equal(call:ended(), {outcome = "hung up", by = "caller", where = "s.lua:5"})
        end"""
    assert failures(tried(script, tests)) == []


def test_a_party_that_answered_and_hung_up_at_once_has_answered(tried):
    script = """
        local bridge = require "bridge"
        function on_call(call)
          call:answer()
          call:on("ChannelTalkingStarted", function() bridge.sleep(1000) end)
          local result, endpoint = call:dial(call.args, {early_media = false})
          call:set("DIALLED", result .. " " .. tostring(endpoint))
        end"""
    tests = """
        local function dialled(...)
          local call = T.call{args = {...}}
          T.event({type = "ChannelTalkingStarted", channel = {id = call.id}})
          local phones = T.dialled()
          phones[1]:answer()
          phones[1]:hangup()
          for k = 2, #phones do phones[k]:refuse() end
          T.advance(20000)
          return call:variable("DIALLED")
        end
        function test_one() T.equal(dialled("PJSIP/200"), "answered PJSIP/200") end
        function test_two() T.equal(dialled("PJSIP/200", "PJSIP/201"), "answered PJSIP/200") end"""
    assert failures(tried(script, tests)) == []


HASH = """
    local bridge = require "bridge"
    local task = require "task"
    function on_call(call)
      call:answer()
      if call.args[1] == "task" then task.spawn(function() call:wait() end) end
      call:on("ChannelTalkingStarted", function() bridge.sleep(1000) end)
      call:on("ChannelDtmfReceived", function(event)
        if event.channel.id == call.id or event.digit ~= "#" then return end
        call:set("DONE", call:transfer("PJSIP/300", {attended = true}))
      end)
      call:dial("PJSIP/200", {early_media = call.args[1] == "early"})
    end"""


def test_who_presses_a_digit_in_the_moment_of_the_answer_consults_as_later(tried):
    tests = """
        local function in_one_turn(how, digits)
          local call = T.call{args = {how}}
          local desk = T.dialled()[1]
          T.event({type = "ChannelTalkingStarted", channel = {id = call.id}})
          desk:answer()
          desk:press(digits)
          T.advance(4000)
          return call, desk, T.dialled()[1]
        end
        local function consults(how, digits)
          local call, desk, other = in_one_turn(how, digits)
          other:answer()
          T.advance(4000)
          T.equal({desk:talks_to(), call:talks_to()}, {{other.id}, {}})
          desk:hangup()
          T.equal(call:talks_to(), {other.id})
          T.equal(call:variable("DONE"), "answered")
        end
        function test_it_asks_first() consults("", "#") end
        function test_so_it_does_while_a_task_waits() consults("task", "#") end
        function test_so_it_does_after_early_media() consults("early", "#") end
        function test_it_may_come_back()
          local call, desk, other = in_one_turn("", "#")
          desk:press("*")
          T.equal({call:talks_to(), other:state(), call:variable("DONE")}, {{desk.id}, nil, "cancelled"})
        end"""
    assert failures(tried(HASH, tests)) == []


def test_who_presses_it_twice_consults_once(tried):
    tests = """
        function test_twice()
          local call = T.call()
          local desk = T.dialled()[1]
          desk:answer()
          desk:press("##")
          local others = T.dialled()
          T.equal(#others, 1)
          others[1]:answer()
          others[1]:press("#")
          desk:hangup()
          T.equal({call:ended(), call:talks_to()}, {nil, {others[1].id}})
        end"""
    assert failures(tried(HASH, tests)) == []


def test_digits_are_read_in_their_order_while_a_handler_waits(tried):
    script = """
        local bridge = require "bridge"
        function on_call(call)
          call:answer()
          call:on("dtmf", function(digit) if digit == "1" then call:play("sound:beep") end end)
          bridge.sleep(1000)
          call:set("GOT", (call:read{max = 3}))
        end"""
    tests = """
        function test_order()
          local call = T.call()
          call:press("12")
          T.advance(1100)
          call:press("3")
          T.advance(3000)
          T.equal(call:variable("GOT"), "123")
        end"""
    assert failures(tried(script, tests)) == []


def test_what_came_with_the_event_of_a_handler_that_failed_is_not_lost(tried):
    script = """
        local bridge = require "bridge"
        function on_call(call)
          call:answer()
          call:on("dtmf", function(digit) if digit == "1" then error("no") end end)
          bridge.sleep(1000)
          pcall(call.read, call, {max = 3})
          call:set("GOT", (call:read{max = 3, timeout = 1}))
        end"""
    tests = """
        function test_rest()
          local call = T.call()
          call:press("123")
          T.advance(3000)
          T.equal(call:variable("GOT"), "123")
        end"""
    assert failures(tried(script, tests)) == []


def test_a_task_that_waits_for_its_call_ends_with_it(tried):
    script = """
        local bridge = require "bridge"
        local task = require "task"
        function on_call(call)
          task.spawn(function()
            local _, problem = pcall(call.wait, call)
            bridge.log("info", problem.code)
          end)
          call:answer()
          call:wait(1)
          if call.args[1] then call[call.args[1]](call) end
        end"""
    tests = """
        local function logged(...)
          local call = T.call{args = {...}}
          T.advance(2000)
          assert(call:ended())
          local logs = T.logs()
          T.equal(#logs, 1)
          return logs[1].text
        end
        function test_over() T.equal(logged(), "no_such_call") end
        function test_kept() T.equal(logged("keep"), "ended") end
        function test_continued() T.equal(logged("continue"), "ended") end"""
    assert failures(tried(script, tests)) == []


def test_a_task_may_leave_the_call_to_clients_while_a_verb_waits(tried):
    script = """
        local bridge = require "bridge"
        local task = require "task"
        function on_call(call)
          task.spawn(function() bridge.sleep(1000) call:keep() end)
          call:answer()
          call:wait()
        end"""
    tests = """
        function test_keep()
          local call = T.call()
          T.advance(2000)
          T.equal(call:ended(), {outcome = "kept", where = "s.lua:5"})
        end"""
    assert failures(tried(script, tests)) == []


async def test_a_task_that_has_to_pause_does_not_keep_an_event_from_the_verb_that_waits_for_it(
    tmp_path, asterisks: RecordingAsterisks
):
    file = tmp_path / "s.lua"
    file.write_text("""
        local task = require "task"
        function on_call(call)
          task.spawn(function() call:wait(60) end)
          call:wait(1)
          call:answer()
          call:set("GOT", (call:read{max = 1, timeout = 60}))
        end""")
    work = itertools.count(step=0.05)  # as if each turn of a task took that long
    host = ScriptHost(ScriptSettings(files=[str(file)]), asterisks, clocks=Clocks(work=lambda: next(work)))
    host.load()
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    host.on_event("pbx", arrived("1.1"))
    async with asyncio.timeout(20):
        await asterisks.reached(1)
        for _ in range(20):  # so that both wait, the task first
            await asyncio.sleep(0)
        host.on_event("pbx", {"type": "ChannelDtmfReceived", "digit": "5", "channel": {"id": "1.1"}})
        await asterisks.reached(2)
    assert asterisks.calls[1][2]["value"] == "5"
    await host.close()


async def test_a_call_that_the_dialplan_sends_back_at_once_is_its_next_flows(load, asterisks: RecordingAsterisks):
    host = load("""
        local calls = 0
        function on_call(call)
          calls = calls + 1
          call:moh()
          if calls == 1 then call:continue() else call:wait() end
        end""")
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    host.on_event("pbx", arrived("1.1"))
    await asterisks.reached(1)
    held = asterisks.held = asyncio.Event()
    await asterisks.reached(2)  # the first flow waits to hear that the call has left
    host.on_event("pbx", {"type": "StasisEnd", "channel": {"id": "1.1"}})
    host.on_event("pbx", arrived("1.1"))
    with structlog.testing.capture_logs() as logs:
        held.set()
        await asterisks.reached(3)
        await until(lambda: any(entry["event"] == "flow.ended" for entry in logs))
    assert [call[1] for call in asterisks.calls] == [
        "channels.startMoh",
        "channels.continueInDialplan",
        "channels.startMoh",
    ]
    assert asterisks.owned[-1] == ("pbx", "1.1", "s1.lua")


def test_what_a_script_does_with_several_calls_at_once_keeps_them_too(tried):
    script = """
        local ari = require "ari"
        function accepts() return false end
        function on_call() end
        function on_message(conn, data)
          ari.bridges.createWithId{bridgeId = "b"}
          ari.bridges.addChannel{bridgeId = "b", channel = data}
        end"""
    tests = """
        function test_both()
          local first, second = T.call(), T.call()
          T.message(T.conn(), first.id .. "," .. second.id)
          T.advance(100000)
          T.equal({first:state(), second:state()}, {"Ring", "Ring"})
        end"""
    assert failures(tried(script, tests)) == []


def test_a_flow_hears_of_every_event_that_it_asks_for(tried):
    script = """
        function on_call(call)
          call:on("ChannelVarset", function(event) call:set("SEEN", event.variable) end)
          call:on("ChannelCallerId", function() call:hangup() end)
          call:wait()
        end"""
    tests = """
        function test_all()
          local call = T.call()
          T.event({type = "ChannelDialplan", channel = {id = call.id}})
          T.event({type = "ChannelVarset", variable = "X", channel = {id = call.id}})
          T.equal(call:variable("SEEN"), "X")
          T.event({type = "ChannelCallerId", channel = {id = call.id}})
          T.equal(call:ended().outcome, "hung up")
        end"""
    assert failures(tried(script, tests)) == []


def test_a_call_that_somebody_else_sends_on_has_not_hung_up(tried):
    script = """
        local ari = require "ari"
        function on_call(call) call:answer() call:wait() end
        function on_message(conn, data)
          return (pcall(ari.channels[data.op], {channelId = data.id}))
        end"""
    tests = """
        local function ask(op, id) return T.message(T.conn(), {op = op, id = id}) end
        local function ended(op)
          local call = T.call()
          T.equal(ask(op, call.id), true)
          return call:ended()
        end
        function test_continued()
          T.equal(ended("continueInDialplan").outcome, "continued")
          T.equal(ended("continueInDialplan").by, nil)
        end
        function test_hung_up() T.equal(ended("hangup").by, "script") end
        function test_refused()
          for _, op in ipairs{"continueInDialplan", "hangup"} do
            T.ari("channels." .. op, function() return T.error {status = 409, detail = "no"} end)
            local call = T.call()
            T.equal(ask(op, call.id), false)
            call:hangup()
            T.equal({call:ended().outcome, call:ended().by}, {"hung up", "caller"})
          end
        end"""
    assert failures(tried(script, tests)) == []


async def test_a_leg_of_which_nobody_knows_whether_it_was_made_is_hung_up(load, asterisks: RecordingAsterisks):
    host = load(DIALS)
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    asterisks.answers["channels.originate"] = Problem("timeout", "no answer", outcome="unknown")
    host.on_event("pbx", arrived("1.1"))
    async with asyncio.timeout(20):
        while not made(asterisks, "channels.hangup"):
            await asterisks.reached(len(asterisks.calls) + 1)
    (leg,) = made(asterisks, "channels.originate")
    assert leg in made(asterisks, "channels.hangup")


async def test_a_leg_that_was_refused_is_not_hung_up(load, asterisks: RecordingAsterisks):
    host = load(DIALS)
    asterisks.answers |= {"channels.list": [], "bridges.list": []}
    refused = Problem("asterisk_error", "no", status=400, source="asterisk", outcome="not_applied")
    asterisks.answers["channels.originate"] = refused
    host.on_event("pbx", arrived("1.1"))
    async with asyncio.timeout(20):
        while made(asterisks, "channels.hangup") != ["1.1"]:
            await asterisks.reached(len(asterisks.calls) + 1)


async def test_a_leg_that_is_being_made_as_the_caller_goes_is_hung_up_once_it_is_there(
    load, asterisks: RecordingAsterisks
):
    """Before that Asterisk would know of none, and then it would ring for nobody."""
    host, asterisks.held = load(DIALS), asyncio.Event()
    host.on_event("pbx", arrived("1.1"))
    async with asyncio.timeout(20):
        await asterisks.reached(1)
        host.on_event("pbx", {"type": "StasisEnd", "channel": {"id": "1.1"}})
        with structlog.testing.capture_logs() as logs:
            for _ in range(100):
                await asyncio.sleep(0)
            assert made(asterisks, "channels.hangup") == []
            asterisks.held.set()
            await until(lambda: any(entry["event"] == "flow.ended" for entry in logs))
    assert made(asterisks, "channels.hangup") == made(asterisks, "channels.originate")


async def test_a_caller_who_goes_while_the_dialplan_is_asked_to_take_the_call_and_refuses_is_gone(
    load, asterisks: RecordingAsterisks
):
    host = load('function on_call(call) pcall(call.continue, call, {exten = "1"}) call:wait(3600) end')
    refused = Problem("asterisk_error", "gone", status=404, source="asterisk", outcome="not_applied")
    asterisks.answers |= {"channels.list": [], "bridges.list": [], "channels.continueInDialplan": refused}
    asterisks.held = asyncio.Event()
    host.on_event("pbx", arrived("1.1"))
    async with asyncio.timeout(20):
        await asterisks.reached(1)
        host.on_event("pbx", {"type": "StasisEnd", "channel": {"id": "1.1"}})
        with structlog.testing.capture_logs() as logs:
            asterisks.held.set()
            await until(lambda: any(entry["event"] == "flow.ended" for entry in logs))
    (end,) = [entry for entry in logs if entry["event"] == "flow.ended"]
    assert (end["outcome"], end["hung_up_by"]) == ("hung up", "caller")


def test_phones_that_were_rung_in_vain_are_told_whether_another_one_was_answered(tried):
    script = 'function on_call(call) call:answer() call:dial({"PJSIP/1", "PJSIP/2"}, {timeout = 5}) end'
    tests = """
        local function reason_for_the_second(happens)
          local reasons = {}
          T.ari("channels.hangup", function(params) reasons[params.channelId] = params.reason end)
          T.call()
          local phones = T.dialled()
          happens(phones[1])
          return reasons[phones[2].id]
        end
        function test_another()
          T.equal(reason_for_the_second(function(first) first:answer() end), "answered_elsewhere")
        end
        function test_none() T.equal(reason_for_the_second(function() T.advance(6000) end), "normal") end"""
    assert failures(tried(script, tests)) == []


def test_the_recording_of_a_conversation_is_whole_before_its_bridge_ends(tried):
    script = 'function on_call(call) call:answer() call:dial("PJSIP/1", {record = "talk"}) end'
    tests = """
        function test_order()
          local did = {}
          for _, op in ipairs {"recordings.stop", "bridges.destroy"} do
            T.ari(op, function() did[#did + 1] = op end)
          end
          T.call()
          local phone = T.dialled()[1]
          phone:answer()
          T.advance(1000)
          phone:hangup()
          T.equal(did, {"recordings.stop", "bridges.destroy"})
        end"""
    assert failures(tried(script, tests)) == []


def test_of_digits_that_nobody_reads_the_last_hundred_are_kept(tried):
    script = """
        function on_call(call)
          call:answer()
          call:wait(10)
          call:set("GOT", (call:read{max = 150, timeout = 1}))
          call:wait(10)
        end"""
    tests = """
        function test_last()
          local call = T.call()
          call:press("1" .. ("23"):rep(60))
          T.advance(15000)
          T.equal(call:variable("GOT"), ("23"):rep(50))
        end"""
    assert failures(tried(script, tests)) == []
