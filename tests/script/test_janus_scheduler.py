"""Scripts for Janus: their timers, the scheduler and turns, and what becomes of both while a callback rests."""

from __future__ import annotations

import asyncio
import time

import pytest
from janus_parts import running, web_server
from real.wait import until
from script_parts import no_collector
from structlog.testing import capture_logs

from aribridge.core.settings import ScriptSettings

ANY = ["127.0.0.1:*"]


async def test_a_callback_that_loops_again_and_again_rests_and_the_others_go_on(tmp_path, asterisks):
    async with running(tmp_path, "function incomingTextData(id) while true do end end", asterisks) as (script, _):
        script._brake._clock = lambda: 0.0  # on a busy machine so much time passes that it need not rest
        with capture_logs() as logs:
            for _ in range(40):
                script.begin("incomingTextData", 7.0, "x", 1, None, None)
        assert {line["ran_out"] for line in logs} == {"time", "rest"}
        assert await script.call("handleMessage", 7.0, "t", "{}", None) is not None


OVERRUNS = """
    local bridge = require "bridge"
    local n = 0
    local function work()
      n = n + 1
      relayTextData(7, tostring(n), 2)
      if n == 13 then bridge.after(20, function() relayTextData(7, "rested", 6) end) end
      while n <= 13 do end
    end
"""
TICKS = """
    function tick() timeCallback('tick', nil, 1) work() end
    function handleMessage() timeCallback('tick', nil, 1) end
"""
POKED = "function resumeScheduler() work() end function handleMessage() for _ = 1, 14 do pokeScheduler() end end"


@pytest.mark.parametrize("source", [TICKS, POKED], ids=["timeCallback", "pokeScheduler"])
async def test_what_comes_while_its_callback_rests_comes_afterwards(tmp_path, asterisks, source):
    """Else a timer that starts itself anew would never tick again, and a coroutine wait for ever."""
    async with running(tmp_path, OVERRUNS + source, asterisks, limits=ScriptSettings(budget_ms=10)) as (script, world):
        now = 0.0
        script._brake._clock = lambda: now
        await script.call("handleMessage", 7.0, "t", "{}", None)
        await until(lambda: "rested" in world.relayed)
        assert world.relayed[-1] == "rested"  # it was time for one more
        now = 60.0
        await until(lambda: "14" in world.relayed)


async def test_the_older_name_of_incoming_data_rests_as_the_newer_one_does(tmp_path, asterisks):
    loops = "function incomingData() while true do end end"
    async with running(tmp_path, loops, asterisks, limits=ScriptSettings(budget_ms=10)) as (script, _):
        script._brake._clock = lambda: 0.0
        with capture_logs() as logs:
            for _ in range(20):
                script.begin("incomingTextData", 7.0, "text", 4.0, "", "", by="alice")
        assert script.to_report()["runs"]["incomingTextData"] == {"runs": 20, "failures": 20}
        assert {log["ran_out"] for log in logs} == {"time", "rest"}


async def test_messages_at_once_are_handled_in_turns(tmp_path, asterisks):
    works = """
        local bridge = require "bridge"
        local function work() local began = os.clock() while os.clock() < began + 0.01 do end end
        function handleMessage() work() bridge.sleep(1) work() return 1 end
    """
    async with running(tmp_path, works, asterisks) as (script, _):
        messages = [asyncio.create_task(script.call("handleMessage", 7.0, "t", "{}", None)) for _ in range(40)]
        longest = 0.0
        with no_collector():
            while not all(message.done() for message in messages):
                before = time.thread_time()
                await asyncio.sleep(0)
                longest = max(longest, time.thread_time() - before)
        assert [message.result() for message in messages] == [[1.0]] * 40
        assert longest < 0.15  # all of them at once take 0.4 s


async def test_timers_of_a_script_leave_half_of_the_time_to_others(tmp_path, asterisks):
    loops = """
        local bridge = require "bridge"
        for _ = 1, 900 do bridge.every(10, function() while true do end end) end
    """
    async with running(tmp_path, loops, asterisks):
        began, longest = time.thread_time(), 0.0
        with capture_logs(), no_collector():
            while (before := time.thread_time()) - began < 0.6:
                await asyncio.sleep(0)
                longest = max(longest, time.thread_time() - before)
        assert longest < 0.3  # a turn lasts 40 ms; all of them at once 36 s


async def test_poking_leads_to_resume_scheduler_after_the_call(tmp_path, asterisks):
    source = """
        local tasks = {}
        function handleMessage(id)
          for n = 1, 3 do
            tasks[#tasks + 1] = coroutine.create(function() relayTextData(id, "task " .. n, 6) end)
            pokeScheduler()
          end
          relayTextData(id, "first", 5)
          return 1, nil
        end
        function resumeScheduler()
          for _, task in ipairs(tasks) do assert(coroutine.resume(task)) end
          tasks = {}
          relayTextData(7, "resumed", 7)
        end
    """
    async with running(tmp_path, source, asterisks) as (script, world):
        await script.call("handleMessage", 7.0, "t", "{}", None)
        await until(lambda: len(world.done) == 7)
        assert world.relayed == ["first", "task 1", "task 2", "task 3", "resumed", "resumed", "resumed"]


SCHEDULED = """
    local http = require "socket.http"
    local tasks = {}
    function handleMessage(id, transaction, url)
      tasks[#tasks + 1] = coroutine.create(function()
        local body, status = http.request(url)
        relayTextData(id, transaction .. " " .. tostring(status), 100)
        if transaction == "bad" then error("after the answer") end
      end)
      pokeScheduler()
      return 1, nil
    end
    function resumeScheduler()
      for _, task in ipairs(tasks) do assert(coroutine.resume(task)) end
      tasks = {}
    end
"""


async def test_a_coroutine_that_waits_holds_up_no_other(tmp_path, asterisks):
    async with web_server() as web, running(tmp_path, SCHEDULED, asterisks, http_allow=ANY) as (script, world):
        base = f"http://127.0.0.1:{web.port}"
        await script.call("handleMessage", 7.0, "slow", f"{base}/held", None)
        await until(lambda: web.asked)
        await script.call("handleMessage", 7.0, "quick", f"{base}/", None)
        await until(lambda: world.relayed == ["quick 200"])
        web.go_on.set()
        await until(lambda: world.relayed == ["quick 200", "slow 200"])


async def test_a_coroutine_that_fails_after_a_wait_is_logged(tmp_path, asterisks):
    async with web_server() as web, running(tmp_path, SCHEDULED, asterisks, http_allow=ANY) as (script, _):
        with capture_logs() as logs:
            await script.call("handleMessage", 7.0, "bad", f"http://127.0.0.1:{web.port}/", None)
            await until(lambda: [log for log in logs if log["event"] == "script.error"])
        assert "plugin.lua:8: after the answer" in str(logs[-1])


async def test_a_slow_call_delays_nobody_and_its_coroutine_is_its_own(tmp_path, asterisks):
    source = """
        local http = require "socket.http"
        local shared = coroutine.create(function(url) return (http.request(url)) end)
        function incomingTextData(id, url)
          local ok, text = coroutine.resume(shared, url)
          relayTextData(id, tostring(text) .. " " .. coroutine.status(shared), 100)
        end
    """
    async with web_server() as web, running(tmp_path, source, asterisks, http_allow=ANY) as (script, world):
        slow = asyncio.create_task(
            script.call("incomingTextData", 7.0, f"http://127.0.0.1:{web.port}/held", 9.0, "", "")
        )
        await until(lambda: web.asked)
        await script.call("incomingTextData", 7.0, "another", 7.0, "", "")
        assert world.relayed == ["cannot resume non-suspended coroutine normal"]
        web.go_on.set()
        await slow
        assert world.relayed[1] == "GET /held  dead"


async def test_time_callbacks(tmp_path, asterisks):
    source = """
        function setupMedia(id)
          timeCallback("later", tostring(id), 1)
          timeCallback("later", nil, 0)
          timeCallback("misspelt", nil, 0)
        end
        function later(argument) relayTextData(7, "later " .. tostring(argument), 100) end
    """
    async with running(tmp_path, source, asterisks) as (script, world):
        with capture_logs() as logs:
            await script.call("setupMedia", 7.0)
            await until(lambda: len(world.done) == 2 and [log for log in logs if "error" in log])
        assert sorted(world.relayed) == ["later 7.0", "later nil"]
        assert ["the script has no function misspelt" in log["error"] for log in logs if "error" in log] == [True]


@pytest.mark.parametrize("milliseconds", ["1/0", "0/0", "-1/0", "-1"])
async def test_a_timer_that_can_never_be_due_is_refused_and_takes_no_place(tmp_path, asterisks, milliseconds):
    source = f"""
        function querySession()
          for _ = 1, 500 do assert(timeCallback("later", nil, {milliseconds}) == -1) end
        end
        function setupMedia() for _ = 1, 500 do timeCallback("later", nil, 1e6) end end
        function hangupMedia() return timeCallback("later", nil, 1e6) end
    """
    async with running(tmp_path, source, asterisks) as (script, _):
        with capture_logs() as logs:
            await script.call("querySession", 7.0)
            await script.call("querySession", 7.0)
        assert "milliseconds" in logs[0]["text"]
        assert logs[0]["fields"] == {"where": "plugin.lua:3"}
        await script.call("setupMedia", 7.0)
        assert await script.call("hangupMedia", 7.0) == [0]


async def test_a_timer_may_be_due_in_a_million_years_and_holds_up_no_other(tmp_path, asterisks):
    source = """
        function setupMedia()
          for _, milliseconds in ipairs { 1e300, math.maxinteger, "1e17", 2^40 } do
            assert(timeCallback("later", "too soon", milliseconds) == 0)
          end
          timeCallback("later", "in time", 1)
        end
        function later(text) relayTextData(7, text, 100) end
    """
    async with running(tmp_path, source, asterisks) as (script, world):
        await script.call("setupMedia", 7.0)
        await until(lambda: world.relayed)
        assert world.relayed == ["in time"]


async def test_a_timer_that_found_no_room_among_what_one_call_asks_for_takes_no_place(tmp_path, asterisks):
    source = """
        function setupMedia() for _ = 1, 900 do timeCallback("later", nil, 1e6) end end
        function querySession()
          for _ = 1, 1000 do janusLog(4, "x") end
          for _ = 1, 200 do pcall(timeCallback, "later", nil, 1e6) end
        end
        function hangupMedia() return timeCallback("later", nil, 1e6) end
    """
    async with running(tmp_path, source, asterisks) as (script, _):
        with capture_logs():
            await script.call("setupMedia", 7.0)
            await script.call("querySession", 7.0)
        assert await script.call("hangupMedia", 7.0) == [0]
