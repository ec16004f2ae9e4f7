"""Tests of call flows: phones in memory that call, press, answer and hang up, and what a test sees of them."""

from __future__ import annotations

import pytest

from aribridge.script.stock import lua_folder
from aribridge.script.testing import Result, Suite, run_suite


def failures(results: list[Result]) -> list[tuple[str, str]]:
    assert results
    return [(result.where, result.failure) for result in results if result.failure]


@pytest.mark.parametrize(
    ("example", "change", "fails"),
    [
        ("ivr", ('"1234"', '"9999"'), "test_the_right_pin_is_put_through"),
        ("ivr", ("sound:vm-goodbye", "sound:beep"), "test_three_wrong_pins_end_the_call"),
        ("business_hours", ("Europe/Vienna", "Asia/Tokyo"), "test_in_business_hours_calls_go_on"),
        ("sales_queue", ("round-robin", "ring-all"), "test_phones_ring_in_turn_until_one_answers"),
        ("click_to_call", ("call.args[2]", "call.args[1]"), "test_a_busy_party_is_heard"),
    ],
)
def test_an_example_that_does_something_else_fails_its_tests(tmp_path, example, change, fails):
    script = tmp_path / f"{example}.lua"
    source = (lua_folder() / "examples" / f"{example}.lua").read_text()
    assert change[0] in source
    script.write_text(source.replace(*change))
    results = list(run_suite(Suite(script, lua_folder() / "tests" / f"{example}_test.lua")))
    assert fails in [result.test for result in results if result.failure]


def test_how_a_flow_may_end(tried):
    script = """
        local ways = {
          on = function(call) call:continue{context = "sales", exten = "12", priority = 3} end,
          back = function(call) call:continue() end,
          busy = function(call) call:hangup("busy") end,
          keep = function(call) call:keep() end,
          over = function(call) call:answer() end,
          wrong = function(call) call.nothing.more() end,
          loop = function(call) while true do end end,
        }
        function on_call(call) ways[call.args[1]](call) end"""
    tests = """
        local function ended(way) return T.call{args = {way}}:ended() end
        function test_continue()
          local wanted = {outcome = "continued", where = "s.lua:3", context = "sales", exten = "12", priority = 3}
          T.equal(ended("on"), wanted)
          T.equal(ended("back"), {outcome = "continued", where = "s.lua:4"})
        end
        function test_hangup()
          T.equal(ended("busy"), {outcome = "hung up", where = "s.lua:5", by = "script", cause = "busy"})
          T.equal(ended("over"), {outcome = "hung up", where = "s.lua:11", by = "script"})
        end
        function test_keep()
          local call = T.call{args = {"keep"}}
          T.equal(call:ended(), {outcome = "kept", where = "s.lua:6"})
          T.equal(call:state(), "Ring")
        end
        function test_an_error_gives_the_call_back_to_the_dialplan()
          local call = T.call{args = {"wrong"}}
          T.equal(call:ended(), {outcome = "error", where = "s.lua:8", result = "error"})
          T.equal(#T.errors(), 1)
        end
        function test_an_overrun_too()
          T.equal(ended("loop").result, "budget")
          T.equal(#T.errors(), 1)
        end
        function test_an_error_that_nobody_asks_for_fails_the_test() ended("wrong") end"""
    ((where, text),) = failures(tried(script, tests))
    assert (where, text[:8]) == ("s_test.lua", "s.lua:8:")


def test_what_callers_hear_press_and_leave(tried):
    script = """
        function on_call(call)
          call:answer()
          call:on("dtmf", function(digit) if digit == "0" then call:hangup("busy") end end)
          call:set("LANG", call.language)
          local who = call:get("WHO") or call:get("CALLERID(num)")
          local digit = call:play({"sound:a", "number:7"}, {interrupt = "12"})
          local got, why = call:read{prompt = "sound:pin", max = 3, timeout = 2}
          local taken = call:record{name = "m-" .. who, max = 30, terminator = "#"}
          call:set("SEEN", tostring(digit) .. got .. why .. taken.state)
          call:moh() call:wait(5) call:moh(false)
          call:transfer("PJSIP/9")
        end"""
    tests = """
        function test_all()
          local call = T.call{caller = {number = "300"}, language = "de", variables = {WHO = "bob"}}
          T.equal({call:state(), call:variable("LANG"), call:variable("NONE")}, {"Up", "de", nil})
          T.advance(1999)
          T.equal(call:heard(), {"sound:a", "number:7"})
          T.equal(call:heard(), {})
          call:press("3")
          call:press("2")
          T.equal(call:heard(), {"sound:pin"})
          call:press("45")
          T.advance(3000)
          T.advance(2000)
          T.equal(T.calls()[1].op, "channels.answer")
          call:press("#")
          T.equal(call:variable("SEEN"), "245timeoutdone")
          T.advance(5000)
          T.equal(call:ended().outcome, "transferred")
        end
        function test_a_digit_at_any_time()
          local call = T.call()
          call:press("0")
          T.equal({call:ended().cause, call:ended().where}, {"busy", "s.lua:4"})
        end
        function test_silence_ends_a_recording_after_its_time()
          local call = T.call()
          T.advance(2000 + 1000 + 2000)
          T.advance(29999)
          T.equal(call:variable("SEEN"), nil)
          T.advance(1)
          T.equal(call:variable("SEEN"), "niltimeoutdone")
        end"""
    assert failures(tried(script, tests)) == []


def test_a_playback_that_asterisk_forgot_is_not_waited_for_for_ever(tried):
    script = """
        function on_call(call)
          local digit, state = call:play("sound:a")
          call:set("SEEN", state)
        end"""
    tests = """
        function test_lost()
          T.ari("channels.playWithId", function(params) return {id = params.playbackId, state = "queued"} end)
          local call = T.call()
          T.advance(3000)
          T.equal(call:variable("SEEN"), nil)
          T.advance(2000)
          T.equal(call:variable("SEEN"), "failed")
        end
        function test_not_known()
          T.ari("channels.playWithId", function(params) return {id = params.playbackId, state = "queued"} end)
          T.ari("playbacks.get", function() return T.error {status = 503, code = "target_down"} end)
          local call = T.call()
          T.advance(60000)
          T.equal(call:variable("SEEN"), nil)
          T.event({type = "PlaybackFinished", playback = {
            id = T.calls()[1].params.playbackId, state = "done", target_uri = "channel:" .. call.id}})
          T.equal(call:variable("SEEN"), "done")
        end
        function test_long()
          T.ari("channels.playWithId", function(params) return {id = params.playbackId, state = "queued"} end)
          T.ari("playbacks.get", function(params) return {id = params.playbackId, state = "playing"} end)
          local call = T.call()
          T.advance(60000)
          T.equal(call:variable("SEEN"), nil)
          T.event({type = "PlaybackFinished", playback = {
            id = T.calls()[1].params.playbackId, state = "done", target_uri = "channel:" .. call.id}})
          T.equal(call:variable("SEEN"), "done")
        end"""
    assert failures(tried(script, tests)) == []


def test_phones_that_are_dialled(tried):
    script = """
        function on_call(call)
          local how, who = call:dial({"PJSIP/1", "PJSIP/2"}, {timeout = 10, caller_id = "9", variables = {A = "b"}})
          call:set("HOW", how .. " " .. tostring(who))
        end"""
    tests = """
        local function dialled()
          local call = T.call()
          local phones = T.dialled()
          return call, phones[1], phones[2]
        end
        function test_the_first_answer_wins()
          local call, one, two = dialled()
          T.equal({one.endpoint, one.caller_id, one.variables, two.endpoint}, {"PJSIP/1", "9", {A = "b"}, "PJSIP/2"})
          two:answer()
          T.equal({one:state(), two:state(), call:state()}, {nil, "Up", "Up"})
          T.equal(one:ended(), {outcome = "hung up"})
          T.equal({call:talks_to(), two:talks_to()}, {{two.id}, {call.id}})
          two:hangup()
          T.equal(call:variable("HOW"), "answered PJSIP/2")
        end
        function test_busy_counts_most()
          local call, one, two = dialled()
          one:refuse("unavailable")
          two:refuse()
          T.equal(call:variable("HOW"), "busy nil")
        end
        function test_nobody_answers()
          local call, one = dialled()
          T.advance(10000)
          T.equal({call:variable("HOW"), one:state()}, {"noanswer nil", nil})
        end
        function test_a_caller_who_gives_up_leaves_nothing()
          local call, one, two = dialled()
          call:hangup()
          T.equal({one:state(), two:state(), call:ended().by}, {nil, nil, "caller"})
        end
        function test_wait_until()
          local call = dialled()
          assert(T.wait_until(function() return call:ended() end, 11))
          assert(not T.wait_until(function() return false end, 1))
        end"""
    assert failures(tried(script, tests)) == []


def test_time_of_day_and_what_is_kept_for_a_while(tried):
    script = """
        local bridge = require "bridge"
        function on_message(conn, key)
          local now = bridge.time{zone = "Europe/Vienna"}
          bridge.kv.set(key, 1, {ttl = 60})
          bridge.sleep(1000)
          return {now.hour, now.wday, os.date("!%H:%M:%S"), os.time(), os.time{year = 2026, month = 1, day = 1} > 0}
        end
        function on_connect() bridge.log(tostring(bridge.kv.get("a"))) end"""
    tests = """
        function test_the_beginning_is_always_the_same()
          local now = T.message(T.conn(), "a")
          T.equal({now[1], now[2], now[3], now[5]}, {13, 2, "12:00:01", true})
          T.equal(now[4], 1767614401)
        end
        function test_the_test_says_when()
          T.time{year = 2026, month = 7, day = 5, hour = 23, min = 59, sec = 59, zone = "Europe/Vienna"}
          local now = T.message(T.conn(), "a")
          T.equal({now[1], now[2], now[3]}, {23, 1, "22:00:00"})
          T.advance(58000)
          T.connect(T.conn())
          T.advance(2000)
          T.connect(T.conn())
          T.equal({T.logs()[1].text, T.logs()[1]}, {"1", nil})
        end
        function test_none_such() T.time{year = 2026, month = 13, day = 5} end
        function test_no_zone() T.time{year = 2026, month = 1, day = 5, zone = "Nowhere"} end"""
    results = tried(script, tests)
    (month, zone) = failures(results)
    assert "month must be in 1..12" in month[1]
    assert "Nowhere" in zone[1]


def test_a_test_of_a_long_name_is_run(tried):
    name = "test_" + "a_name_that_is_longer_than_lua_keeps_among_its_short_strings"
    assert [result.test for result in tried("", f"function {name}() end")] == [name]


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("T.call{extension = '1'}", "T.call has no option extension"),
        ("T.call{caller = '300'}", "T.call caller is a table"),
        ("T.call('1')", 'T.call takes a table: T.call{exten = "7001"'),
        ("T.call().press('1')", "phone:press(...) is a method: call it with a colon"),
        ("T.call():press(1)", 'phone:press takes digits, as a string: phone:press("1234#")'),
        ("T.call():press('1x')", "phone:press: 'x' is on no phone"),
        ("T.call():answer()", "phone:answer: this phone does not ring, its state is Ring"),
        ("local c = T.call() c:hangup() c:press('1')", "phone:press: the call of this phone is over"),
        ("T.call() T.dialled()[1]:refuse('angry')", "phone:refuse takes one of busy, noanswer"),
        ("T.call():pres('1')", "attempt to call a nil value (method 'pres')"),
        ("T.time{}", "T.time takes {year = 2026"),
        ("T.replay('none.jsonl')", "none.jsonl: No such file or directory"),
    ],
)
def test_a_wrong_use_says_what_is_right(tried, statement, text):
    script = "function on_call(call) call:dial('PJSIP/1') end"
    ((where, said),) = failures(tried(script, f"function test_it()\n{statement}\nend"))
    assert where == "s_test.lua:2"
    assert text in said


def test_a_test_that_fails_tells_what_failed_in_the_script(tried):
    script = "function on_call(call) call:dail('PJSIP/200') end"
    tests = "function test_it() T.call() T.equal(#T.dialled(), 1) end"
    ((where, text),) = failures(tried(script, tests))
    assert where == "s_test.lua:1"
    assert text.startswith("expected 1, got 0; s.lua:1: ")
    assert "dail" in text
