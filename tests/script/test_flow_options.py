"""Options of a flow's verbs that stand where no verb reads them."""

from __future__ import annotations

import re

import pytest
from script_parts import failures


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('dial{"PJSIP/1", timeout = 5}', 'timeout is an option, and goes beside the list: call:dial({"PJSIP/200"'),
        ('dial({endpoints = "PJSIP/1"}, {timeout = 5})', "takes options in one table"),
        ('dial{endpoints = "PJSIP/1", "PJSIP/2"}', "options have names"),
        ('dial("PJSIP/1", {endpoints = "PJSIP/2"})', "takes endpoints once"),
        ('play{"sound:a", interrupt = true}', 'interrupt is an option, and goes beside the list: call:play({"sound:a"'),
        ('play({media = "sound:a"}, {interrupt = true})', "takes options in one table"),
        ('play("sound:a", {"interrupt"})', "options have names"),
        ('play("sound:a", {media = "sound:b"})', "has no option media"),
        ('say_digits("1", {"de"})', "options have names"),
        ('read{"sound:a", max = 1}', "options have names"),
        ('read{prompt = {"sound:a", lang = "de"}}', "lang is an option, and goes beside the list: call:read{prompt"),
        ('record{"m", name = "m"}', "options have names"),
        ('snoop{"in"}', "options have names"),
        ('continue{"default"}', "options have names"),
        ('transfer{exten = "1", timeout = 5}', "has no option timeout"),
        ('transfer({exten = "1"}, {timeout = 5})', "takes one table"),
        ('transfer("PJSIP/1", {attended = true, announce = {"sound:a", accept = "1"}, accept = "1"})', "accept is an"),
    ],
)
def test_an_option_that_no_verb_would_read_is_refused(tried, written: str, said: str):
    verb = re.split("[{(]", written)[0]
    script = f"""
        function on_call(call)
          call:answer()
          local ok, problem = pcall(function() call:{written} end)
          call:set("SAID", tostring(problem))
          call:wait()
        end"""
    tests = f"""
        function test_said()
          local call = T.call()
          for _, phone in ipairs(T.dialled()) do phone:answer() end
          T.advance(20000)
          local said = tostring(call:variable("SAID"))
          assert(said:find([==[call:{verb}: ]==], 1, true), said)
          assert(said:find([==[{said}]==], 1, true), said)
        end"""
    assert failures(tried(script, tests)) == []
