"""The built-in module bridge: log lines, timers, and what it refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from script_parts import RecordingAsterisks, ScriptClient
from structlog.testing import capture_logs

from aribridge.protocol.problems import Problem

BRIDGE = "local bridge = require 'bridge' local ari = require 'ari' "


async def test_log_lines_have_level_text_fields_and_the_scripts_name(load: Any, client: ScriptClient) -> None:
    host = load(
        BRIDGE
        + """
        function on_connect(conn)
          bridge.log("one")
          bridge.log("warning", "two")
          bridge.log("error", "three", {channel = "1.2", n = 3})
          bridge.log("four", {a = true})
          print("five", 5, nil)
        end"""
    )
    with capture_logs() as logs:
        await host.on_connect(client)
    assert [(line["log_level"], line["text"], line["fields"]) for line in logs] == [
        ("info", "one", {}),
        ("warning", "two", {}),
        ("error", "three", {"channel": "1.2", "n": 3}),
        ("info", "four", {"a": True}),
        ("info", "five\t5\tnil", {}),
    ]
    assert all(line["script"].endswith("s1.lua") and line["event"] == "script.log" for line in logs)


async def test_log_lines_before_an_error_are_kept(load: Any, client: ScriptClient) -> None:
    host = load(BRIDGE + "function on_connect(conn) bridge.log('before') error('broken') end")
    with capture_logs() as logs:
        await host.on_connect(client)
    assert [line["event"] for line in logs] == ["script.log", "script.error"]


async def test_a_timer_fires_once_and_may_wait(load: Any, client: ScriptClient, asterisks: RecordingAsterisks) -> None:
    host = load(
        BRIDGE
        + """
        function on_message(conn, data)
          bridge.after(1, function() conn:send(ari.asterisk.getInfo()) end)
          return "started"
        end"""
    )
    asterisks.answers["asterisk.getInfo"] = {"system": 1}
    sent = asyncio.Event()
    client.send_message = lambda data: (client.sent.append(data), sent.set())  # type: ignore[method-assign]
    assert await host.on_message(client, 1) == "started"
    await asyncio.wait_for(sent.wait(), 30)
    assert client.sent == [{"system": 1}]


async def test_a_cancelled_timer_does_not_fire(load: Any, client: ScriptClient, asterisks: RecordingAsterisks) -> None:
    host = load(
        BRIDGE
        + """
        function on_message(conn)
          local one = bridge.after(1, function() ari.channels.get{channelId = "never"} end)
          bridge.after(2, function() ari.channels.list() end)
          return {one:cancel(), one:cancel()}
        end"""
    )
    assert await host.on_message(client, 1) == [True, False]
    await asyncio.wait_for(asterisks.reached(1), 30)
    assert asterisks.calls == [(None, "channels.list", {})]


async def test_an_error_in_a_timer_is_logged(load: Any, client: ScriptClient, asterisks: RecordingAsterisks) -> None:
    host = load(
        BRIDGE
        + """function on_message()
          bridge.after(0, function() error("late") end)
          bridge.after(1, function() ari.channels.list() end)
        end"""
    )
    with capture_logs() as logs:
        await host.on_message(client, 1)
        await asyncio.wait_for(asterisks.reached(1), 30)
    assert [(line["hook"], line["where"], line["error"]) for line in logs] == [("timer", "s1.lua:2", "late")]


async def test_a_timer_may_start_while_the_script_is_loaded(load: Any, asterisks: RecordingAsterisks) -> None:
    load(BRIDGE + "local function poll() ari.channels.list() bridge.after(1, poll) end bridge.after(0, poll)")
    await asyncio.wait_for(asterisks.reached(3), 30)


async def test_timers_are_bounded_and_their_places_come_back(load: Any, client: ScriptClient) -> None:
    host = load(
        BRIDGE
        + """
        local timers = {}
        function on_message(conn, data)
          for i = 1, data do timers[#timers + 1] = bridge.after(100000, function() end) end
          return #timers
        end
        function on_connect()
          for i, timer in ipairs(timers) do timer:cancel() end
          timers = {}
        end"""
    )
    for _ in range(3):
        assert await host.on_message(client, 500) == 500
        assert await host.on_message(client, 500) == 1000
        with pytest.raises(Problem, match="more than 1000 timers are running"):
            await host.on_message(client, 1)
        await host.on_connect(client)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("bridge.reply()", "bridge.reply takes a table"),
        ("bridge.reply{status = 99}", "whole number from 200 to 599"),
        ("bridge.reply{status = '200'}", "whole number from 200 to 599"),
        ("bridge.after('soon', print)", "number of milliseconds"),
        ("bridge.after(-1, print)", "number of milliseconds"),
        ("bridge.after(0/0, print)", "number of milliseconds"),
        ("bridge.after(1e12, print)", "number of milliseconds"),
        ("bridge.after(1)", "milliseconds and a function"),
        ("bridge.log('loud', 'text')", "the level is debug, info, warning or error"),
        ("bridge.log('info', 'text', {f = print})", "'f' is a function"),
        ("bridge.as_system()", "bridge.as_system takes the command"),
        ("bridge.array(1)", "bridge.array takes a table"),
        ("bridge.after(1, print).cancel()", "call it with a colon"),
        ("conn.send({})", "call it with a colon"),
        ("conn:send(print)", "is a function"),
    ],
)
async def test_wrong_calls_say_what_is_wanted(load: Any, client: ScriptClient, call: str, text: str) -> None:
    host = load(BRIDGE + f"function on_message(conn)\n{call}\nend")
    with pytest.raises(Problem) as problem:
        await host.on_message(client, 1)
    assert text in problem.value.detail
    assert problem.value.detail.startswith("s1.lua:2: ")


async def test_a_value_that_cannot_be_sent_leaves_nothing_half_sent(load: Any, client: ScriptClient) -> None:
    host = load(
        BRIDGE
        + """function on_message(conn)
          pcall(conn.send, conn, {a = {1, 2, {b = print}}})
          conn:send{c = bridge.null}
          return {d = bridge.null}
        end"""
    )
    assert await host.on_message(client, 1) == {"d": None}
    assert client.sent == [{"c": None}]
