"""The call queue of lua/lib: who waits in line, and who is busy."""

from __future__ import annotations

import pytest
from script_parts import failures


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


QUEUE_THAT_MAY_RUN_OUT = """
    local queue = require "queue"
    local q = queue.new("q", {retry = 1})
    if not LATE then q:add("PJSIP/200") end
    function on_call(call)
      call:on("dtmf", function() while true do end end)
      q:enter(call)
    end
    function on_message() q:add("PJSIP/200") return {#q.waiting, q.stats.abandoned} end"""


def test_a_caller_whose_script_ran_out_is_in_line_no_more(tried):
    script = QUEUE_THAT_MAY_RUN_OUT.replace("LATE", "true")
    tests = """
        function test_line()
          local first, second = T.call(), T.call()
          first:press("1")
          T.equal(#T.errors(), 1)
          T.advance(5000)
          T.message(T.conn(), "open")
          T.advance(5000)
          local phones = T.dialled()
          T.equal(#phones, 1)
          phones[1]:answer()
          T.equal(second:talks_to(), {phones[1].id})
          T.equal(T.message(T.conn(), "look"), {0, 1})
        end"""
    assert failures(tried(script, tests)) == []


@pytest.mark.parametrize("answers", ["true", "false"])
def test_a_member_whose_callers_script_ran_out_is_busy_no_more(tried, answers: str):
    script = QUEUE_THAT_MAY_RUN_OUT.replace("LATE", "false")
    tests = f"""
        function test_member()
          local first = T.call()
          local phone = T.dialled()[1]
          if {answers} then phone:answer() end
          T.advance(3000)
          first:press("1")
          T.equal(#T.errors(), 1)
          local second = T.call()
          T.advance(5000)
          local phones = T.dialled()
          T.equal(#phones, 1)
          phones[1]:answer()
          T.equal(second:talks_to(), {{phones[1].id}})
          T.equal(T.message(T.conn(), "look"), {{0, {answers} and 0 or 1}})
        end"""
    assert failures(tried(script, tests)) == []


COUNTING_QUEUE = """
    local queue = require "queue"
    local q = queue.new("q", {most = 2, retry = 1})
    function on_call(call) call:set("GOT", q:enter(call)) end
    function on_message() q:add("PJSIP/200") return q.stats end"""


def test_who_comes_to_a_full_queue_is_told_so_and_the_next_one_finds_the_place_that_is_free_again(tried):
    tests = """
        function test_full()
          local first, second, third = T.call(), T.call(), T.call()
          T.equal(third:variable("GOT"), "full")
          first:hangup()
          T.advance(1000)
          local fourth = T.call()
          T.equal(fourth:variable("GOT"), nil)
          local stats = T.message(T.conn(), "stats")
          T.equal({stats.entered, stats.full, stats.abandoned}, {3, 1, 1})
        end"""
    assert failures(tried(COUNTING_QUEUE, tests)) == []


def test_a_caller_who_was_answered_has_not_given_up(tried):
    tests = """
        function test_once()
          local call = T.call()
          T.message(T.conn(), "open")
          T.advance(3000)
          T.dialled()[1]:answer()
          T.advance(1000)
          call:hangup()
          T.advance(1000)
          local stats = T.message(T.conn(), "stats")
          T.equal({stats.entered, stats.answered, stats.abandoned}, {1, 1, 0})
        end"""
    assert failures(tried(COUNTING_QUEUE, tests)) == []
