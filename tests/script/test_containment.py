"""Hostile and careless scripts harm nobody but themselves."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from script_parts import RecordingAsterisks, ScriptClient, command, no_collector
from structlog.testing import capture_logs

from aribridge.protocol.problems import Problem
from aribridge.script.brake import FREE
from aribridge.script.clocks import REAL

TIME = "took more CPU time"
MEMORY = "took more memory"
EITHER = "took more"

ATTACKS = {
    "loop": ("while true do end", TIME),
    "loop in pcall": ("while true do pcall(function() while true do end end) end", TIME),
    "loop of pcalls": ("while true do pcall(error) end", TIME),
    "nested pcalls": ("local function f() pcall(f) f() end f()", "nested too deep"),
    "loop in a coroutine": ("coroutine.wrap(function() while true do end end)()", TIME),
    "coroutines without end": (
        "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end",
        TIME,
    ),
    "nested coroutines": ("local function f() coroutine.wrap(f)() while true do end end f()", "took more|overflow"),
    "xpcall handler": ("xpcall(error, function() while true do end end)", TIME),
    "xpcall handler of an overrun": (
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        TIME,
    ),
    "__close": (
        "local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
        TIME,
    ),
    "__tostring": ("error(setmetatable({}, {__tostring = function() while true do end end}))", TIME),
    "__index": ("local t = setmetatable({}, {__index = function() while true do end end}) return t.x", TIME),
    "__pairs of the returned": ("return setmetatable({}, {__pairs = function() while true do end end})", None),
    "__close of a coroutine": (
        "local co = coroutine.create(function()\n"
        "local x <close> = setmetatable({}, {__close = function() while true do end end}) coroutine.yield() end)\n"
        "coroutine.resume(co) coroutine.close(co)",
        TIME,
    ),
    "tasks without end": ("while true do require('task').spawn(function() end) end", "tasks and timers"),
    "a gather of too many": (
        "local all = {} for i = 1, 6000 do all[i] = print end require('task').gather(all)",
        "more than 5000 tasks",
    ),
    "recursion": ("local function f() return 1 + f() end return f()", "nested too deep"),
    "string.rep": ("return ('x'):rep(1e9)", MEMORY),
    "memory in pcall": ("while not pcall(string.rep, 'x', 1e9) do return 'survived' end", MEMORY),
    "memory in xpcall": ("xpcall(string.rep, function() return 1 end, 'x', 1e9) return 'survived'", MEMORY),
    "memory in a coroutine": (
        "coroutine.resume(coroutine.create(function() return ('x'):rep(1e9) end)) return 'survived'",
        MEMORY,
    ),
    "string.rep of nothing": ("return (''):rep(1e15)", None),
    "strings joined": ("local s = ('x'):rep(6e6) while true do local t = s .. 'y' end", EITHER),
    "strings doubled": ("local s = 'x' while true do s = s .. s end", EITHER),
    "a table that grows": ("local t = {} while true do t[#t + 1] = {} end", EITHER),
    "a table that grows in pcall": ("local t = {} while true do pcall(function() t[#t + 1] = {} end) end", EITHER),
    "table.concat": ("local t = {} for i = 1, 300 do t[i] = ('x'):rep(1e5) end return table.concat(t)", EITHER),
    "table.insert": (
        "local t = {} for i = 1, 200000 do t[i] = i end while true do table.insert(t, 1, 0) end",
        EITHER,
    ),
    "table.move": ("table.move({}, 1, 1e15 // 1 | 0, 2)", "at most 100000"),
    "table.move by steps": ("while true do table.move({}, 1, 99999, 2) end", EITHER),
    "__len": ("table.insert(setmetatable({}, {__len = function() return 1 << 40 end}), 1, 1)", "__len"),
    "__len in unpack": ("table.concat(setmetatable({}, {__len = function() return 1 << 40 end}))", "__len"),
    "sort": ("local t = {} for i = 1, 1e5 do t[i] = -i end while true do table.sort(t) end", EITHER),
    "sort with a bad order": (
        "local t = {} for i = 1, 1e5 do t[i] = i end table.sort(t, function() return true end)",
        "invalid order function|took more",
    ),
    "a pattern that backtracks": ("return (('a'):rep(30)):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')", TIME),
    "a pattern of stars": ("return (('a'):rep(2000)):match('.-.-.-.-b')", TIME),
    "a short pattern of stars": ("return (('a'):rep(35)):match(('.-'):rep(12) .. 'b')", TIME),
    "a pattern over a long text": ("return (('a'):rep(200000)):match('.-b')", TIME),
    "gsub without end": ("return (('a'):rep(1e6)):gsub('a', function() return 'bb' end)", EITHER),
    "gmatch": ("for _ in (('a'):rep(1e6)):gmatch('a-b') do end", TIME),
    "upper": ("local s = ('x'):rep(6e6) while true do s:upper() end", EITHER),
    "format": ("return ('%99999999d'):format(1)", "invalid conversion"),
    "waiting in a tight loop": ("while true do coroutine.yield() end", "coroutine.yield outside"),
    "a huge result": ("local t = {} for i = 1, 190000 do t[i] = i end return {t, t}", "too large|took more"),
    "log lines without end": ("while true do require('bridge').log('x') end", "more than 1000 log lines"),
    "log lines without end in pcall": ("while true do pcall(require('bridge').log, 'x') end", EITHER),
    "timers without end": ("while true do require('bridge').after(1, function() end) end", "timers"),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_ends_alone(load: Any, client: ScriptClient, name: str) -> None:
    source, error = ATTACKS[name]
    budget = 20 if error in {TIME, EITHER} else 200  # what has a bound of its own comes to that one first
    host = load(f"function on_message(c, d)\nif d == 'ping' then return 'pong' end\n{source}\nend", budget_ms=budget)
    assert await host.on_message(client, "ping") == "pong"
    began = time.process_time()
    with capture_logs() as logs:
        if error:
            with pytest.raises(Problem, match=error) as problem:
                await host.on_message(client, "attack")
            assert problem.value.code == "script_error"
            assert problem.value.detail.startswith("s1.lua:")
            assert [line["event"] for line in logs if line["event"] != "script.log"] == ["script.error"]
        else:
            await host.on_message(client, "attack")
    # The budget is 20 ms or 200; single operations on what memory allows come on top.
    assert time.process_time() - began < 1
    assert await host.on_message(client, "ping") == "pong"


BOMBS = {
    "tasks that start tasks": "local function bomb() pcall(task.spawn, bomb) pcall(task.spawn, bomb) end bomb()",
    "tasks that loop": "for i = 1, 900 do task.spawn(function() while true do end end) end",
    "timers that loop": "for i = 1, 900 do bridge.every(10, function() while true do end end) end",
    "tasks that wait for nothing": (
        "for i = 1, 900 do task.spawn(function() while true do pcall(bridge.sleep, 0) end end) end"
    ),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_what_runs_in_the_background_leaves_half_of_the_time_to_others(
    load: Any, client: ScriptClient, name: str
) -> None:
    head = "local bridge, task = require 'bridge', require 'task' "
    host = load(head + "function on_connect() " + BOMBS[name] + " end", budget_ms=10, clocks=REAL)
    with capture_logs(), no_collector():
        await host.on_connect(client)
        turns, longest, began = 0, 0.0, time.thread_time()
        while time.thread_time() - began < 0.4:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)
            turns += 1
        await host.close()
    # Time of the processor: the script's turns last 10 ms of it here.
    assert turns > 20
    assert longest < 0.2


LOOPS = """
    function on_message(conn, data) while data == "loop" do end return "pong" end
    function on_event(event) while true do end end
"""


async def sent(host: Any, client: ScriptClient, data: str) -> Any:
    """The answer to a message, or the Problem that it had."""
    try:
        return await host.on_message(client, data)
    except Problem as problem:
        return problem


async def loops_until_it_rests(host: Any, client: ScriptClient) -> tuple[int, Problem]:
    """How often the hook went over its budget for a client until it was not run, and how that was told."""
    count = 0
    while "took more" in (told := await sent(host, client, "loop")).detail:
        count += 1
    return count, told


async def test_who_makes_a_hook_loop_again_and_again_is_kept_from_it_alone(load: Any, client: ScriptClient) -> None:
    host, other, began = load(LOOPS, budget_ms=10), ScriptClient("c_2"), time.monotonic()
    other.principal = replace(client.principal, sub="bob")
    with capture_logs() as logs:
        count, told = await loops_until_it_rests(host, client)
        assert await sent(host, other, "ping") == "pong"
        assert FREE <= count < 50
        assert (told.code, told.source, told.retry, told.outcome) == ("script_error", "script", "after", "not_applied")
        assert "rests for a moment" in told.detail
        assert {line["ran_out"] for line in logs} == {"time", "rest"}
        while await sent(host, client, "ping") != "pong":
            assert time.monotonic() - began < 30
            await asyncio.sleep(told.after_ms / 1000)


async def test_what_an_earlier_script_did_with_a_message_is_not_denied_by_a_later_one_that_rests(
    load: Any, client: ScriptClient
) -> None:
    host = load("function on_message() end", LOOPS, budget_ms=10)
    with capture_logs():
        _, told = await loops_until_it_rests(host, client)
    assert (told.code, told.retry, told.outcome) == ("script_error", "after", "unknown")


AWAY = """
    local bridge, task = require "bridge", require "task"
    function on_command(conn, cmd)
      if cmd.op == "http" then pcall(bridge.http, {{ url = "http://127.0.0.1:{port}/" }}) end
      if cmd.op == "refused" then pcall(bridge.http, {{ url = "http://192.0.2.1/" }}) end
      if cmd.op == "task" then task.spawn(function() bridge.sleep(1) end) end
      if cmd.op == "timer" then bridge.after(1, function() end) end
      if cmd.op == "log" then bridge.log("info", "seen") bridge.sleep(1) end
      return cmd
    end
"""


@pytest.mark.parametrize(
    ("op", "outcome"),
    [
        ("http", "unknown"),
        ("task", "unknown"),
        ("timer", "unknown"),
        ("refused", "not_applied"),
        ("log", "not_applied"),
        ("nothing", "not_applied"),
    ],
)
async def test_a_command_on_which_a_later_script_fails_may_have_been_carried_out_by_an_earlier_one(
    load: Any, client: ScriptClient, op: str, outcome: str
) -> None:
    async with TestServer(web.Application()) as server:
        host = load(
            AWAY.format(port=server.port),
            "function on_command(_, cmd) error('a fault') end",
            http_allow=["127.0.0.1:*"],
        )
        with capture_logs(), pytest.raises(Problem) as problem:
            await host.on_command(client, command(op))
    assert (problem.value.code, problem.value.outcome) == ("script_error", outcome)


async def test_a_hook_that_loops_for_everybody_leaves_most_of_the_time_to_others(
    load: Any, client: ScriptClient
) -> None:
    host, ran_over = load(LOOPS, budget_ms=10), 0
    for number in range(200):
        client.principal = replace(client.principal, sub=f"user{number}")
        ran_over += "took more" in (await sent(host, client, "loop")).detail
    assert 2 * FREE < ran_over < 100


async def test_events_pass_while_a_hook_that_loops_for_each_of_them_rests(load: Any) -> None:
    host, began = load(LOOPS, budget_ms=10), time.process_time()
    for script in host._scripts.scripts:  # on a busy machine so much time passes that hooks need not rest
        script._brake._clock = lambda: 0.0
    with capture_logs() as logs:
        for number in range(1000):
            assert host.on_event("pbx", {"type": "X", "n": number}) == {"type": "X", "n": number}
    assert time.process_time() - began < 2  # without rests ten
    assert {line["ran_out"] for line in logs} == {"time", "rest"}


async def test_a_script_that_works_goes_on_beside_one_that_does_not(load: Any, client: ScriptClient) -> None:
    bad = "function on_event(e) while true do end end function on_message() return ('x'):rep(1e9) end"
    good = """
        function on_command(conn, cmd) cmd.params.ok = true return cmd end
        function on_event(event) event.ok = true return event end"""
    host = load(bad, good, budget_ms=10)
    for _ in range(5):
        assert host.on_event("pbx", {"type": "X"}) == {"type": "X", "ok": True}
        with pytest.raises(Problem):
            await host.on_message(client, 1)
        changed = await host.on_command(client, command())
        assert changed == command(ok=True)


@pytest.mark.parametrize(
    "name",
    ["io", "debug", "package", "load", "loadstring", "loadfile", "dofile", "collectgarbage", "python", "warn"]
    + [f"os.{name}" for name in ("execute", "exit", "getenv", "remove", "tmpname", "setlocale")]
    + ["string.dump", "_ENV.debug", "_G.debug", "_G.io"],
)
async def test_what_could_reach_outside_is_not_there(load: Any, client: ScriptClient, name: str) -> None:
    host = load(f"function on_message() return {{ there = {name} ~= nil }} end")
    assert await host.on_message(client, 1) == {"there": False}


@pytest.mark.parametrize(
    "source",
    [
        "getmetatable('').__index.rep = nil",
        "setmetatable({}, {__gc = function() end})",
        "setmetatable(require('bridge').null, {})",
        "setmetatable(require('bridge').array{}, {})",
        "setmetatable(require('ari'), {})",
        "getmetatable(conn).__index = nil",
        "require('bridge').null.x = 1",
        "require('../secret')",
        "require('/etc/passwd')",
        "require('host.runner')",
        "require('..')",
    ],
)
async def test_what_must_not_be_touched_raises(load: Any, client: ScriptClient, source: str) -> None:
    host = load(f"function on_message(conn) {source} end")
    with pytest.raises(Problem) as problem:
        await host.on_message(client, 1)
    assert problem.value.code == "script_error"


async def test_scripts_share_no_globals(load: Any, client: ScriptClient) -> None:
    spoil = "x = 1 string.rep = nil table.insert = nil require('bridge').log = nil function on_event(e) return e end"
    host = load(spoil, "function on_message() return {x == nil, string.rep ~= nil, require('bridge').log ~= nil} end")
    assert await host.on_message(client, 1) == [True, True, True]


async def test_memory_is_given_back_after_an_overrun(load: Any, client: ScriptClient) -> None:
    host = load("function on_message(c, d) local t = {} for i = 1, d do t[i] = ('x'):rep(1000) .. i end return #t end")
    for _ in range(5):
        with pytest.raises(Problem, match=EITHER):
            await host.on_message(client, 40000)
    assert await host.on_message(client, 2000) == 2000


async def failure(host: Any, client: ScriptClient) -> str | None:
    try:
        await host.on_message(client, 1)
    except Problem as problem:
        return problem.detail
    return None


async def test_a_script_that_hoards_is_told_so_and_harms_nobody(load: Any, client: ScriptClient) -> None:
    hoard = """
        hoard = {}
        function on_message(c, d) for i = 1, 1000 do hoard[#hoard + 1] = ('x'):rep(1000) .. #hoard end end
        function on_event(e) return e end"""
    host = load(hoard, memory_mb=4)
    failures = [await failure(host, client) for _ in range(8)]
    assert failures[0] is None
    assert "keeps all the memory" in failures[-1]
    event = {"type": "X"}
    assert host.on_event("pbx", event) is event


async def test_the_wall_limit_ends_a_hook_that_waits(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    source = "function on_message(c)\n  pcall(\n    require('ari').channels.list)\n  return 1\nend"
    host = load("local ari = require 'ari'\n" + source, hook_seconds=0.05)
    asterisks.held = asyncio.Event()
    with capture_logs() as logs, pytest.raises(Problem) as problem:
        await host.on_message(client, 1)
    assert "took longer than scripts.hook_seconds allows (0.05 s)" in problem.value.detail
    assert logs[0]["ran_out"] == "hook_seconds"
    assert logs[0]["where"].startswith("s1.lua:")


async def test_the_wall_limit_ends_a_hook_that_asks_for_ever(load: Any, client: ScriptClient) -> None:
    source = "local ari = require 'ari' function on_message(c) while true do pcall(ari.channels.list) end end"
    host = load(source, hook_seconds=0.1)
    with pytest.raises(Problem, match="hook_seconds"):
        await host.on_message(client, 1)


async def test_closing_ends_hooks_and_timers(load: Any, client: ScriptClient, asterisks: RecordingAsterisks) -> None:
    host = load("""
        local ari, bridge = require "ari", require "bridge"
        function on_message(c, d)
          bridge.after(1, function() ari.channels.list() end)
          bridge.after(3600000, function() end)
          ari.channels.list()
        end""")
    asterisks.held, others = asyncio.Event(), asyncio.all_tasks()
    task = asyncio.create_task(host.on_message(client, 1))
    await asterisks.reached(2)
    theirs = asyncio.all_tasks() - others
    await host.close()
    with pytest.raises(Problem, match="the gateway stops"):
        await task
    assert len(theirs) == 2
    assert all(one.done() for one in theirs)
    with pytest.raises(Problem, match="the gateway stops"):
        await host.on_message(client, 1)
