"""Scripts for Janus: callbacks, the functions that they may call, the scheduler, containment."""

from __future__ import annotations

import asyncio
import time

import pytest
from janus_parts import CALLBACKS, running, web_server, write_script
from real.wait import until
from structlog.testing import capture_logs

from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.script import ScriptFailure, ScriptLoadError
from aribridge.script.janus import JanusScript

ANY = ["127.0.0.1:*"]


async def test_functions_return_what_janus_returns(tmp_path, asterisks):
    source = """
        local function is(expected, ...)
          assert(select("#", ...) == 1 and ... == expected, "got " .. tostring((...)))
        end
        function setupMedia(id)
          is(0, pokeScheduler())
          is(0, pushEvent(id, nil, '{"a": 1}', nil))
          is(0, pushEvent(id, "t", "{}", '{"type": "answer", "sdp": "v=0"}'))
          is(-1, pushEvent(id, nil, "{}"))
          is(-1, pushEvent(99, nil, "{}", nil))
          is(-1, pushEvent(id, nil, "no json", nil))
          is(-1, pushEvent(id, nil, "{}", '{"type": "answer"}'))
          is(0, notifyEvent(0, "{}"))
          is(0, notifyEvent(id, "{}"))
          is(0, notifyEvent(99, "{}"))
          is(-1, notifyEvent(id))
          is(-1, pushEvent(id, nil, "[1]", nil))
          is(-1, pushEvent(id, nil, '{"a": [-1e999]}', nil))
          is(-1, pushEvent(id, nil, '{"a": "\\xff"}', nil))
          is(0, configureMedium(id, "DATA", "In", true))
          is(0, eventsIsEnabled())
          is(0, configureMedium(id, "data", "in", true))
          is(-1, configureMedium(id, "smell", "in", true))
          is(-1, configureMedium(99, "data", "in", true))
          is(0, addRecipient(id, id))
          is(-1, addRecipient(id, 99))
          is(0, removeRecipient(id, id))
          is(0, relayTextData(id, "hello", 3))
          is(0, relayData(id, "hello", 5, "label", "protocol"))
          is(0, relayBinaryData(id, "\\0\\xff", 2, "label"))
          is(-1, relayTextData(id, "hello"))
          is(-1, relayTextData(99, "hello", 5))
          is(-1, timeCallback("later", nil))
          is(0, timeCallback("later", "argument", 1e6))
          is(0, closePc(id))
          is(0, endSession(id))
          is(-1, closePc(99))
          is(1234, testExtraFunction())
          for _, name in ipairs { "setBitrate", "setPliFreq", "setSubstream", "setTemporalLayer", "sendPli", "relayRtp",
                                  "relayRtcp", "startRecording", "stopRecording" } do
            is(-1, _G[name](id, 1))
          end
          assert(select("#", janusLog(4, "text")) == 0)
        end
    """
    async with running(tmp_path, source, asterisks) as (script, world):
        await script.call("setupMedia", 7.0)
        assert world.done == [
            ("push", 7, None, '{"a": 1}', None),
            ("push", 7, "t", "{}", '{"type": "answer", "sdp": "v=0"}'),
            ("relay", [7], "hel", "", ""),
            ("relay", [7], "hello", "label", "protocol"),
            ("relay", [7], b"\0\xff", "label", ""),
            ("close", 7),
            ("end", 7),
        ]


async def test_what_is_not_there_is_said_once(tmp_path, asterisks):
    async with running(tmp_path, "function setupMedia(id) sendPli(id) sendPli(id) end", asterisks) as (script, _):
        with capture_logs() as logs:
            await script.call("setupMedia", 7.0)
            await script.call("setupMedia", 7.0)
        assert [(log["event"], log["function"], log["where"]) for log in logs] == [
            ("script.not_available", "sendPli", "plugin.lua:1")
        ]


async def test_arguments_and_results_are_those_of_janus(tmp_path, asterisks):
    source = """
        function handleMessage(id, transaction, message, jsep)
          assert(math.type(id) == "float" and id == 7)
          if jsep == nil then return 0, message end
          return 1, nil
        end
        function incomingTextData(id, text, length, label, protocol)
          relayTextData(id, text .. "," .. length .. "," .. label .. "," .. protocol, 100)
        end
    """
    async with running(tmp_path, source, asterisks) as (script, world):
        assert await script.call("handleMessage", 7.0, "t", '{"ü": "\ud800"}', None) == [0, '{"ü": "?"}']
        assert await script.call("handleMessage", 7.0, "t", "{}", "{}") == [1, None]
        await script.call("incomingTextData", 7.0, "grün", 5.0, "", "")
        assert world.relayed == ["grün,5.0,,"]


async def test_every_byte_passes_unchanged(tmp_path, asterisks):
    source = "function incomingBinaryData(id, data, n) assert(#data == n) relayBinaryData(id, data, n) end"
    data = bytes(range(256)) * 256
    async with running(tmp_path, source, asterisks) as (script, world):
        for frame in (data, b"plain text", b"\xc3"):
            await script.call("incomingBinaryData", 7.0, frame, float(len(frame)), "", "")
        assert world.relayed == [data, b"plain text", b"\xc3"]


async def test_without_a_callback_for_data_recipients_get_it(tmp_path, asterisks):
    source = """
        function setupMedia(id)
          addRecipient(id, 8)
          addRecipient(id, 9)
          configureMedium(id, "data", "out", true)
          configureMedium(8, "data", "in", true)
        end
    """
    async with running(tmp_path, source, asterisks) as (script, world):
        for other in (8.0, 9.0):
            await script.call("createSession", other)
            await script.call("dataReady", other)
        await script.call("incomingTextData", 7.0, "unheard", 7.0, "l", "")
        await script.call("setupMedia", 7.0)
        await script.call("incomingTextData", 7.0, "heard", 5.0, "l", "")
        await script.call("forget_session", 8.0)
        await script.call("incomingTextData", 7.0, "late", 4.0, "l", "")
        assert world.done == [("relay", [8], "heard", "", "")]


async def test_who_hangs_up_has_no_recipients_any_more(tmp_path, asterisks):
    source = """
        function createSession(id)
          configureMedium(id, "data", "in", true)
          configureMedium(id, "data", "out", true)
          if id ~= 7 then addRecipient(7, id) addRecipient(id, 7) end
        end
        function setupMedia(id) configureMedium(id, "data", "out", true) end
    """
    async with running(tmp_path, source, asterisks) as (script, world):
        await script.call("createSession", 8.0)
        await script.call("dataReady", 8.0)
        await script.call("hangupMedia", 7.0)
        for callback in ("setupMedia", "dataReady"):
            await script.call(callback, 7.0)
        await script.call("incomingTextData", 7.0, "to nobody", 9.0, "l", "")
        assert world.done == []


async def test_the_older_name_of_the_callback_counts(tmp_path, asterisks):
    async with running(tmp_path, "function incomingData(id, t, n) relayData(id, t, n) end", asterisks) as (
        script,
        world,
    ):
        await script.call("incomingTextData", 7.0, "text", 4.0, "", "")
        assert world.relayed == ["text"]


async def test_nothing_is_sent_after_the_connection_is_gone(tmp_path, asterisks):
    source = "function destroySession(id) assert(relayTextData(id, 'late', 4) == -1) end"
    async with running(tmp_path, source, asterisks) as (script, world):
        await script.call("hangupMedia", 7.0)
        await script.call("destroySession", 7.0)
        assert world.done == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("error('on purpose')", "plugin.lua:2: on purpose"),
        ("while true do pcall(error) end", "CPU time"),
        ("return ('x'):rep(1e9)", "memory"),
        ("nothing.field = 1", "plugin.lua:2: attempt to index"),
    ],
)
async def test_a_failure_ends_that_call_alone(tmp_path, asterisks, body, text):
    source = f"function setupMedia(id)\n  {body}\nend\nfunction querySession(id) return 'alive' end"
    async with running(tmp_path, source, asterisks) as (script, _):
        with pytest.raises(ScriptFailure) as failure:
            await script.call("setupMedia", 7.0)
        assert text in str(failure.value)
        assert await script.call("querySession", 7.0) == ["alive"]


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
TICKS = "function tick() timeCallback('tick', nil, 1) work() end function init() timeCallback('tick', nil, 1) end"
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
        with capture_logs():
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
            await until(lambda: len(world.done) == 2)
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


async def test_a_log_line_that_found_no_room_lets_no_bytes_out_as_text(tmp_path, asterisks):
    source = r"""
        function querySession()
          for _ = 1, 1000 do pokeScheduler() end
          pcall(janusLog, 4, "no room")
          return "\xff"
        end
    """
    async with running(tmp_path, source, asterisks) as (script, _):
        with pytest.raises(ScriptFailure, match="is not UTF-8 text"):
            await script.call("querySession", 7.0)


async def test_the_gateways_own_modules_are_there(tmp_path, asterisks):
    asterisks.answers["asterisk.getInfo"] = {"system": {"version": "22"}}
    source = """
        local ari, bridge, task = require "ari", require "bridge", require "task"
        function querySession(id)
          bridge.sleep(1)
          local year = bridge.time{ zone = "Europe/Vienna" }.year
          local version = task.gather { function() return ari.asterisk.getInfo().system.version end }[1]
          return version .. " " .. tostring(year > 2000)
        end
    """
    async with running(tmp_path, source, asterisks) as (script, _):
        assert await script.call("querySession", 7.0) == ["22 true"]


async def test_modules_are_found_in_path_and_beside_the_script_at_any_time(tmp_path, asterisks):
    folder = tmp_path / "modules"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "one.lua").write_text("return { text = 'one' }")
    (folder / "json.lua").write_text("error('ours comes first')")
    (tmp_path / "two.lua").write_text("return { text = 'two' }")
    source = """
        local json = require "json"
        function querySession() return require("deep.one").text .. require("two").text end
        function setupMedia() require "nowhere" end
    """
    async with running(tmp_path, source, asterisks, path=[str(folder)]) as (script, _):
        assert await script.call("querySession", 7.0) == ["onetwo"]
        with pytest.raises(ScriptFailure, match=r"no file nowhere\.lua in .*modules"):
            await script.call("setupMedia", 7.0)


async def test_about_the_plugin_and_config(tmp_path, asterisks):
    source = """
        local given
        function init(config) given = config end
        function getName() return given end
        function getVersion() return 3 end
    """
    file = write_script(tmp_path, source)
    settings = JanusLuaSettings(script=str(file), config="opaque")
    script = JanusScript(settings, ScriptSettings(), asterisks, None, {})
    script.load()
    assert await script.start() == {"Name": "opaque", "Version": 3}
    await script.close()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("function init(", "plugin.lua:"),
        ("function init() error('no') end", "plugin.lua:1: no"),
        ("handleMessage = 5 --function handleMessage(", "handleMessage is a number"),
    ],
)
async def test_a_script_that_cannot_start_says_where(tmp_path, asterisks, source, text):
    script = JanusScript(
        JanusLuaSettings(script=str(write_script(tmp_path, source))), ScriptSettings(), asterisks, None, {}
    )

    async def start():
        script.load()
        await script.start()

    with pytest.raises(ScriptLoadError) as error:
        await start()
    assert text in str(error.value)
    await script.close()


async def test_what_is_mandatory_has_to_be_there(tmp_path, asterisks):
    file = tmp_path / "plugin.lua"
    file.write_text("function init() end")
    script = JanusScript(JanusLuaSettings(script=str(file)), ScriptSettings(), asterisks, None, {})
    with pytest.raises(ScriptLoadError) as error:
        script.load()
    assert all(name in str(error.value) for name in CALLBACKS.split()[1:])
    await script.close()
