"""`aribridge script test`: what tests in Lua can do, and how they fail."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aribridge.cli import main
from aribridge.core.settings import ScriptSettings
from aribridge.script import ScriptHost, ScriptLoadError
from aribridge.script.stock import lua_folder
from aribridge.script.testing import Result, Suite, find_suites, run_suite
from aribridge.script.testing.asterisks import AnsweringAsterisks
from aribridge.script.testing.simulated.world import Sink
from aribridge.script.testing.surroundings import InMemory

Tried = Callable[[str, str], list[Result]]

STOCK = sorted((lua_folder() / "tests").glob("*_test.lua"))


def failures(results: list[Result]) -> list[tuple[str, str]]:
    return [(result.where, result.failure) for result in results if result.failure]


@pytest.mark.parametrize("file", STOCK, ids=lambda path: path.stem)
def test_the_examples_pass_their_tests(file: Path) -> None:
    results = [result for suite in find_suites([file]) for result in run_suite(suite)]
    assert results
    assert failures(results) == []


def test_an_example_that_does_something_else_fails_them(tmp_path: Path) -> None:
    tests = lua_folder() / "tests" / "deny_hangup_test.lua"
    script = tmp_path / "deny_hangup.lua"
    script.write_text("function on_command(conn, cmd) return cmd end")
    (first, *others) = run_suite(Suite(script, tests))
    assert (first.where, first.failure[:32]) == ("deny_hangup_test.lua:7", 'expected {kind = "deny", why = "')
    assert failures(others) == []


def test_time_is_simulated(tried: Tried) -> None:
    script = """
        local bridge, task = require "bridge", require "task"
        local ticks = 0
        bridge.every(60000, function() ticks = ticks + 1 end)
        bridge.after(3600000, function() bridge.publish{type = "Hour", ticks = ticks} end)
        function on_connect(conn)
          task.spawn(function() bridge.sleep(5000) conn:send("five") end)
        end
        function on_message(conn, data) bridge.sleep(3000) return "slept" end"""
    tests = """
        function test_timers()
          T.advance(3599999)
          T.equal(T.published(), {})
          T.advance(1)
          T.equal(T.published()[1].type, "Hour")
        end
        function test_a_new_script_for_each_test()
          T.advance(3600000)
          assert(T.published()[1].ticks >= 59)
        end
        function test_a_hook_that_sleeps_gets_its_time() T.equal(T.message(T.conn(), 1), "slept") end
        function test_tasks()
          local conn = T.conn()
          T.connect(conn)
          T.advance(4999)
          T.equal(T.sent(conn), {})
          T.advance(1)
          T.equal(T.sent(conn), { "five" })
          T.equal(T.sent(conn), {})
        end"""
    began = time.monotonic()
    results = tried(script, tests)
    assert failures(results) == []
    assert len(results) == 4
    assert time.monotonic() - began < 30


def test_a_hook_that_waits_too_long_fails_as_in_the_gateway(tried: Tried) -> None:
    script = """local bridge = require "bridge"
        function on_message() bridge.sleep(60000) end"""
    ((where, text),) = failures(tried(script, "function test_it() T.message(T.conn(), 1) end"))
    assert where == "s_test.lua:1"
    assert "s.lua:2: took longer than scripts.hook_seconds allows (10 s)" in text


def test_verdicts(tried: Tried) -> None:
    script = """local bridge = require "bridge"
        function on_command(conn, cmd)
          if cmd.op == "a.reply" then return bridge.reply{status = 201, body = {a = 1}} end
          if cmd.op == "a.system" then cmd.op = "b.system" return bridge.as_system(cmd) end
          if cmd.op == "a.tenant" then return bridge.deny(conn.user.tenant) end
          return cmd
        end"""
    tests = """
        local conn = T.conn{tenant = "acme"}
        function test_all()
          T.equal(T.command(conn, {op = "a.reply"}), {kind = "reply", status = 201, body = {a = 1}})
          T.equal(T.command(conn, {op = "a.system"}).kind, "system")
          T.equal(T.command(conn, {op = "a.system"}).cmd.op, "b.system")
          T.equal(T.command(conn, {op = "a.tenant"}).why, "acme")
          T.equal(T.command(conn, {op = "a.b"}), {kind = "pass", cmd = {op = "a.b", params = {}, target = "pbx"}})
        end"""
    assert failures(tried(script, tests)) == []


def test_the_store_is_there_and_empty_for_each_test(tried: Tried) -> None:
    script = """local bridge = require "bridge"
        function on_message() return bridge.kv.incr("n") end"""
    tests = """
        function test_one() T.message(T.conn(), 1) T.equal(T.message(T.conn(), 1), 2) end
        function test_two() T.equal(T.message(T.conn(), 1), 1) end"""
    assert failures(tried(script, tests)) == []


def test_ari_is_answered_by_the_test(tried: Tried) -> None:
    script = """local ari = require "ari"
        function on_message(conn, id)
          local ok, result = pcall(ari.channels.get, {channelId = id})
          if ok then return result.name end
          return {status = result.status, source = result.source, code = result.code, detail = result.detail}
        end
        function on_connect() ari.at("b").request("GET", "/asterisk/info", {query = {only = "system"}}) end"""
    tests = """
        function test_a_body()
          T.ari("channels.get", function(params) return {name = "SIP/" .. params.channelId} end)
          T.equal(T.message(T.conn(), "7"), "SIP/7")
        end
        function test_an_error()
          T.ari("channels.get", function() return T.error{status = 404, detail = "gone"} end)
          T.equal(T.message(T.conn(), "7"), {status = 404, source = "asterisk", code = "not_found", detail = "gone"})
        end
        function test_by_path()
          T.ari("GET /asterisk/info", function() end)
          T.connect(T.conn())
          T.equal(T.calls(), {{op = "GET /asterisk/info", params = {query = {only = "system"}}, target = "b"}})
          T.equal(T.calls(), {})
        end
        function test_no_answer() T.message(T.conn(), "7") end
        function test_a_broken_answer()
          T.ari("channels.get", function() error("mine") end)
          T.message(T.conn(), "7")
        end"""
    assert failures(tried(script, tests)) == [
        (
            "s_test.lua",
            'nothing answers channels.get in this test: T.ari("channels.get", function(params) return ... end) does',
        ),
        ("s_test.lua", "s_test.lua:18: mine"),
    ]


def test_errors_of_the_script_fail_a_test_unless_it_asks_for_them(tried: Tried) -> None:
    script = """local bridge = require "bridge"
        function on_event(event) error("in the event") end
        function on_message() error("in the message") end"""
    tests = """
        function test_unseen() T.equal(T.event{type = "A"}, {type = "A"}) end
        function test_asked_for() T.event{type = "A"} T.equal(T.errors(), {"s.lua:2: in the event"}) end
        function test_raised() T.message(T.conn(), 1) end
        function test_caught()
          local ok, problem = pcall(T.message, T.conn(), 1)
          T.equal({ok, problem.code, problem.detail}, {false, "script_error", "s.lua:3: in the message"})
        end"""
    (unseen, raised) = failures(tried(script, tests))
    assert unseen == ("s_test.lua", "s.lua:2: in the event")
    assert raised == ("s_test.lua:4", "s.lua:3: in the message (script_error)")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('T.conn{role = {"agent"}}', "T.conn has no option role"),
        ('T.conn{"agent"}', "T.conn has no option 1"),
        ('T.conn{roles = "agent"}', "T.conn roles is a table"),
        ('T.replay("a.jsonl", {digit = "1"})', "T.replay has no option digit"),
        ('T.command(T.conn(), {op = "channels.list", params = {"x"}})', "T.command takes a command second"),
        ('T.command(T.conn(), {op = "channels.list", params = 1})', "T.command takes a command second"),
    ],
)
def test_what_a_test_misspells_is_named(tried: Tried, written: str, said: str) -> None:
    script = "function on_command(conn, cmd) return cmd end"
    [(_, failure)] = failures(tried(script, f"function test_it() {written} end"))
    assert failure.startswith(said)


def test_each_error_of_the_script_counts(tried: Tried) -> None:
    script = "function on_event(event) error('no ' .. event.n) end"
    tests = """
        function test_asks()
          for n = 1, 3 do
            T.event({type = "X", n = n})
            T.equal(T.errors(), {"s.lua:1: no " .. n})
          end
        end
        function test_does_not_ask()
          T.event({type = "X", n = 1})
          T.errors()
          T.event({type = "X", n = 2})
        end"""
    assert failures(tried(script, tests)) == [("s_test.lua", "s.lua:1: no 2")]


def test_the_script_is_at_rest_whenever_the_test_goes_on(tried: Tried) -> None:
    script = """local bridge, task = require "bridge", require "task"
        task.spawn(function() bridge.log("loaded") bridge.kv.set("a", 1) bridge.log("stored") end)
        function on_event(event)
          task.spawn(function() bridge.kv.set("a", 2) error("in the task") end)
          return event
        end"""
    tests = """
        function test_at_the_start() T.equal(#T.logs(), 2) end
        function test_at_the_end() T.event{type = "A"} end"""
    assert failures(tried(script, tests)) == [("s_test.lua", "s.lua:4: in the task")]


def test_much_work_in_the_background_takes_no_simulated_time(tried: Tried) -> None:
    script = """local bridge, task = require "bridge", require "task"
        local function work() for n = 1, 200000 do local _ = n * n end end
        function on_connect()
          task.spawn(function() for _ = 1, 5 do work() bridge.sleep(0) end bridge.log("done") end)
        end"""
    assert failures(tried(script, "function test_it() T.connect(T.conn()) T.equal(#T.logs(), 1) end")) == []


@pytest.mark.parametrize("wait", ["bridge.sleep(0)", "bridge.kv.get('a')", "pcall(bridge.http, {})"])
def test_a_script_that_never_rests_fails_the_test_and_not_the_next(
    tried: Tried, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    monkeypatch.setattr("aribridge.script.testing.clock.MOST_ROUNDS", 5000)
    script = f"""local bridge, task = require "bridge", require "task"
        function on_connect() task.spawn(function() while true do {wait} end end) end"""
    tests = "function test_it() T.connect(T.conn()) end function test_next() T.advance(1000) end"
    ((_, text),) = failures(tried(script, tests))
    assert "never comes to rest" in text


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("T.equal({1, {a = 2}}, {1, {a = 3}}, 'both')", "both: expected {1, {a = 3}}, got {1, {a = 2}}"),
        ("T.equal({}, {a = 1})", "expected {a = 1}, got {}"),
        ("T.equal(nil, 1)", "expected 1, got nil"),
        ("assert(false, 'no')", "no"),
        ("error{detail = 'table'}", "table"),
        ("T.command({}, {op = 'a.b'})", "T.command takes a connection first, which T.conn{...} makes"),
        ("T.advance('1')", "T.advance takes milliseconds"),
        ("T.advnce(1)", "attempt to call a nil value (field 'advnce')"),
        ("require('ari').channels.list()", "tests have no ari.channels: they act through T"),
        ("require('bridge').sleep(1)", "tests have no bridge.sleep: they act through T"),
        ("while true do end", "took more CPU time than scripts.budget_ms allows"),
    ],
)
def test_a_failure_says_where_and_what(
    tried: Tried, monkeypatch: pytest.MonkeyPatch, statement: str, text: str
) -> None:
    monkeypatch.setattr("aribridge.script.testing.suite._BUDGET_SECONDS", 0.1)
    tests = f"function test_it()\n{statement}\nend function test_next() end"
    assert failures(tried("", tests)) == [("s_test.lua:2", text)]


def test_what_does_not_load_is_named(tried: Tried) -> None:
    with pytest.raises(ScriptLoadError, match=r"s_test\.lua:1: .*expected"):
        tried("", "function test_it( end function test_b() end")
    with pytest.raises(ScriptLoadError, match=r"s_test\.lua: has no tests"):
        tried("", "local x = 1")
    with pytest.raises(ScriptLoadError, match=r"s\.lua:1: "):
        tried("error('early')", "function test_it() end")


def test_tests_are_found_beside_the_script_and_in_folders_of_tests(tmp_path: Path) -> None:
    scripts = [tmp_path / "rules" / f"{name}.lua" for name in "abc"]
    tests = [tmp_path / place for place in ("rules/a_test.lua", "rules/tests/b_test.lua", "tests/c_test.lua")]
    for file in (*scripts, *tests):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    expected = [Suite(script, test) for script, test in zip(scripts, tests, strict=True)]
    assert find_suites(scripts) == expected
    assert find_suites(tests) == expected
    assert find_suites([*scripts, *tests]) == expected
    (tmp_path / "rules" / "lonely.lua").touch()
    with pytest.raises(ScriptLoadError, match=r"lonely\.lua: has no tests; looked for .*lonely_test\.lua"):
        find_suites([tmp_path / "rules" / "lonely.lua"])


def test_the_command_prints_a_line_for_each_test(tmp_path: Path) -> None:
    script, tests = tmp_path / "s.lua", tmp_path / "s_test.lua"
    script.write_text("function on_event(event) return event end")
    tests.write_text("function test_a() print('here', 1) end\nfunction test_b() end")
    result = CliRunner().invoke(main, ["script", "test", str(script)])
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "     here\t1",
        "ok   s_test.lua: test_a",
        "ok   s_test.lua: test_b",
        "2 passed",
    ]
    tests.write_text("function test_a() end\nfunction test_b() T.equal(1, 2) end")
    result = CliRunner().invoke(main, ["script", "test", str(script)])
    assert result.exit_code == 1
    assert "FAIL s_test.lua:2: test_b: expected 2, got 1" in result.output
    assert "1 of 2 failed" in result.output


def test_the_tests_of_the_guide_pass(tried: Tried, tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "lua.md").read_text("utf-8")
    blocks = [block for block in re.findall(r"^```lua\n(.*?)^```", guide, re.MULTILINE | re.DOTALL) if "T." in block]
    (tmp_path / "ivr.jsonl").write_bytes(recorded("ivr"))
    office = re.findall(r"^```lua\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)[0]
    two, ivr = (source_of(*names) for names in (("deny_hangup", "answer_message"), ("ivr",)))
    for script, block in zip([office, two, ivr, ivr, ivr], blocks, strict=True):
        assert failures(tried(script, block)) == []


def source_of(*examples: str) -> str:
    return "\n".join((lua_folder() / "examples" / f"{name}.lua").read_text() for name in examples)


def recorded(example: str) -> bytes:
    """A call of one of the examples in simulated time, as `aribridge script record` writes it down."""

    async def call() -> bytes:
        told: list[Sink] = []

        def tell(target: str, event: dict[str, Any]) -> None:
            told[0](target, event)

        async with InMemory().around(tell) as around:
            asterisks = AnsweringAsterisks(lambda *_: "none", around.behind, pytest.fail)
            host = ScriptHost(ScriptSettings(files=[f"stock:examples/{example}.lua"]), asterisks)
            asterisks.attend(host.flows)
            told.append(host.on_event)
            host.load()
            with host.record(f"{example}.lua") as tape:
                caller = await around.behind.place("pbx", {"exten": "7001", "caller": {"number": "200"}})
                await around.settle()
                await around.behind.press(caller, "1234")
                await around.settle()
                (phone,) = [sent.params["channelId"] for sent in asterisks.sent if sent.op == "channels.create"]
                await around.behind.answer(phone)
                await asyncio.sleep(60)
                await around.behind.hang_up(phone)
                await around.settle()
            await host.close()
        tape.end()
        return b"".join([line async for line in tape.lines()])

    with asyncio.Runner(loop_factory=InMemory().loop) as runner:
        return runner.run(call())
