"""The built-in module ari: calls that wait, and their errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from script_parts import RecordingAsterisks, ScriptClient
from structlog.testing import capture_logs

from aribridge.protocol.problems import Problem

ARI = "local ari = require 'ari' local bridge = require 'bridge' "


async def test_operations_are_called_by_name_and_return_the_body(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    host = load(ARI + "function on_message(c, d) return ari.channels.originate{endpoint = d, variables = {}} end")
    asterisks.answers["channels.originate"] = {"id": "1.2", "dialplan": {"priority": 1}}
    assert await host.on_message(client, "PJSIP/200") == {"id": "1.2", "dialplan": {"priority": 1}}
    assert asterisks.calls == [(None, "channels.originate", {"endpoint": "PJSIP/200", "variables": {}})]


async def test_an_answer_without_body_is_nil(load: Any, client: ScriptClient) -> None:
    host = load(ARI + "function on_message() return {nothing = ari.channels.hangup{channelId = '1'} == nil} end")
    assert await host.on_message(client, 1) == {"nothing": True}


async def test_requests_go_by_method_and_path(load: Any, client: ScriptClient, asterisks: RecordingAsterisks) -> None:
    host = load(
        ARI
        + """
        function on_message()
          ari.request("GET", "/channels")
          ari.request("GET", "/channels", {query = {a = "b"}})
          ari.at("pbx2").request{method = "POST", path = "/channels", query = {x = "y"}, body = {z = 1}}
          ari.at("pbx2").channels.list()
        end"""
    )
    await host.on_message(client, 1)
    assert asterisks.calls == [
        (None, "GET", "/channels", None, None),
        (None, "GET", "/channels", {"a": "b"}, None),
        ("pbx2", "POST", "/channels", {"x": "y"}, {"z": 1}),
        ("pbx2", "channels.list", {}),
    ]


async def test_a_failed_call_raises_an_error_table(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    host = load(
        ARI
        + """
        function on_message()
          local ok, e = pcall(ari.channels.get, {channelId = "1"})
          return {ok = ok, status = e.status, code = e.code, detail = e.detail, source = e.source, outcome = e.outcome,
            text = tostring(e)}
        end"""
    )
    asterisks.answers["channels.get"] = Problem("asterisk_error", "Channel not found", status=404, source="asterisk")
    assert await host.on_message(client, 1) == {
        "ok": False,
        "status": 404,
        "code": "asterisk_error",
        "detail": "Channel not found",
        "source": "asterisk",
        "outcome": "not_applied",
        "text": "Channel not found (asterisk_error)",
    }


async def test_an_error_that_nobody_catches_ends_the_hook(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    host = load(ARI + "function on_message()\n  local c = ari.channels.list()\n  return c\nend")
    asterisks.answers["channels.list"] = Problem("target_down", "no link to pbx")
    with capture_logs() as logs, pytest.raises(Problem) as problem:
        await host.on_message(client, 1)
    assert problem.value.detail == "s1.lua:2: no link to pbx (target_down)"
    assert problem.value.outcome == "unknown"
    assert logs[0]["where"] == "s1.lua:2"


@pytest.mark.parametrize(
    ("call", "code", "text"),
    [
        ("ari.channels.originat{}", "unsupported", "did you mean channels.originate?"),
        ("ari.nothing.at_all()", "unsupported", "no operation nothing.at_all"),
        ("ari.channels.get('1.2')", "bad_parameter", "ari.channels.get takes a table with names"),
        ("ari.channels.get{'1.2'}", "bad_parameter", "ari.channels.get takes a table with names"),
        ("ari.request('GET', '/channels', {query = 'x'})", "bad_parameter", "ari.request takes a table with names"),
        ("ari.at('nowhere').channels.list()", "unknown_target", "nowhere"),
    ],
)
async def test_what_asterisk_lacks_is_said(load: Any, client: ScriptClient, call: str, code: str, text: str) -> None:
    host = load(
        ARI + f"function on_message() local ok, e = pcall(function() {call} end) return {{e.code, e.detail}} end"
    )
    got = await host.on_message(client, 1)
    assert got[0] == code
    assert text in got[1]


async def test_without_a_catalogue_the_call_itself_says_what_is_wrong(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    asterisks.known = ()
    asterisks.answers["channels.list"] = Problem("target_down", "not connected yet")
    host = load(ARI + "function on_message() local ok, e = pcall(ari.channels.list) return e.code end")
    assert await host.on_message(client, 1) == "target_down"


async def test_a_fault_of_the_gateway_reaches_the_script_as_an_error(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    asterisks.answers["channels.list"] = RuntimeError("a bug")
    host = load(ARI + "function on_message() local ok, e = pcall(ari.channels.list) return e.code end")
    with capture_logs() as logs:
        assert await host.on_message(client, 1) == "internal"
    assert logs[0]["event"] == "script.call_failed"


async def test_an_answer_too_large_for_lua_is_an_error_of_the_call(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    asterisks.answers["channels.list"] = [0] * 300_000
    host = load(ARI + "function on_message() local ok, e = pcall(ari.channels.list) return {e.code, e.outcome} end")
    assert await host.on_message(client, 1) == ["reply_too_large", "applied"]


async def test_hooks_wait_side_by_side(load: Any, asterisks: RecordingAsterisks) -> None:
    host = load(ARI + "function on_message(c, d) ari.channels.list() return d end")
    asterisks.held = asyncio.Event()
    waiting = [asyncio.create_task(host.on_message(ScriptClient(f"c_{n}"), n)) for n in range(200)]
    await asterisks.reached(200)
    assert host.on_event("pbx", {"type": "X"}) == {"type": "X"}
    asterisks.held.set()
    assert await asyncio.gather(*waiting) == list(range(200))


async def test_a_coroutine_of_the_scripts_own_may_wait_too(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    host = load(
        ARI
        + """
        function on_message()
          local numbers = coroutine.wrap(function()
            local inner = coroutine.create(function() coroutine.yield(#ari.channels.list()) return "end" end)
            local _, n = coroutine.resume(inner)
            coroutine.yield(n)
            local _, e = coroutine.resume(inner)
            coroutine.yield(e)
          end)
          return {numbers(), numbers()}
        end"""
    )
    asterisks.answers["channels.list"] = [1, 2, 3]
    assert await host.on_message(client, 1) == [3, "end"]


@pytest.mark.parametrize("call", ["ari.request()", "ari.request('GET')", "ari.request{path = '/x'}", "ari.at(1)"])
async def test_a_call_of_the_wrong_shape_says_what_is_wanted(load: Any, client: ScriptClient, call: str) -> None:
    host = load(ARI + f"function on_message() {call} end")
    with pytest.raises(Problem, match=r"ari\.(request|at) takes"):
        await host.on_message(client, 1)


async def test_a_run_whose_caller_gives_up_is_ended(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    host = load(
        ARI
        + """
        closed = 0
        function on_message(c, d)
          if d == "closed" then return closed end
          local guard <close> = setmetatable({}, {__close = function() closed = closed + 1 end})
          ari.channels.list()
        end"""
    )
    asterisks.held = asyncio.Event()
    task = asyncio.create_task(host.on_message(client, 1))
    await asterisks.called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await host.on_message(client, "closed") == 1
