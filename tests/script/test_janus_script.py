"""Scripts for Janus: callbacks, the functions that they may call, modules, containment."""

from __future__ import annotations

import pytest
from janus_parts import CALLBACKS, running, write_script
from structlog.testing import capture_logs

from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.script import ScriptFailure, ScriptLoadError
from aribridge.script.janus import JanusScript


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
