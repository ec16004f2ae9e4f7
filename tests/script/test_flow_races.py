"""Call flows where several things happen at once, or something is refused in the middle of a verb."""

from __future__ import annotations

from aribridge.script.testing import Result


def failures(results: list[Result]) -> list[tuple[str, str]]:
    assert results
    return [(result.where, result.failure) for result in results if result.failure]


def test_a_member_who_talks_is_not_rung_when_another_ones_call_is_over(tried):
    script = """
        local queue = require "queue"
        local q = queue.new("q")
        q:add("PJSIP/200") q:add("PJSIP/201")
        function on_call(call) q:enter(call) end"""
    tests = """
        function test_busy()
          local first = T.call()
          local phones = T.dialled()
          T.equal(#phones, 2)
          phones[1]:answer()
          T.advance(3000)
          T.call()
          local others = T.dialled()
          T.equal(others[1].endpoint, "PJSIP/201")
          others[1]:answer()
          T.advance(3000)
          first:hangup()
          T.advance(3000)
          T.call()
          T.advance(3000)
          local free = T.dialled()
          T.equal({#free, free[1].endpoint}, {1, "PJSIP/200"})
        end"""
    assert failures(tried(script, tests)) == []


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
