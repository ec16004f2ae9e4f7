"""Hooks, one by one and in a chain."""

from __future__ import annotations

from typing import Any

import pytest
from script_parts import RecordingAsterisks, ScriptClient, command
from structlog.testing import capture_logs

from aribridge.core.command import Command
from aribridge.core.principal import Principal
from aribridge.protocol.problems import Problem
from aribridge.script import Reply, SystemCommand

PASS = "function on_command(conn, cmd) return cmd end function on_event(event) return event end"


async def test_without_hooks_everything_passes(load: Any, client: ScriptClient) -> None:
    host = load("")
    cmd, event = command(), {"type": "StasisStart"}
    assert await host.on_command(client, cmd) is cmd
    assert host.on_event("pbx", event) is event
    assert not host.has("on_command")
    await host.on_connect(client)
    await host.on_disconnect(client, "gone")
    with pytest.raises(Problem) as problem:
        await host.on_message(client, {})
    assert problem.value.code == "no_handler"


async def test_what_a_script_does_not_change_stays_the_same_object(load: Any, client: ScriptClient) -> None:
    host = load(PASS)
    assert host.has("on_command")
    assert host.has("on_event")
    cmd = command("channels.originate", endpoint="PJSIP/200", timeout=30, variables={"A": None, "list": [], "map": {}})
    event = {"type": "X", "channel": {"id": "1.2", "n": 1.0, "big": 2**63 - 1}, "args": [], "none": None, "no": False}
    assert await host.on_command(client, cmd) is cmd
    assert host.on_event("pbx", event) is event


async def test_a_command_is_rewritten(load: Any, client: ScriptClient) -> None:
    host = load("function on_command(c, cmd) cmd.params.x = 1 cmd.op = 'a.b' cmd.target = 'pbx2' return cmd end")
    assert await host.on_command(client, command(y="2")) == Command("pbx2", "a.b", {"y": "2", "x": 1})


@pytest.mark.parametrize(("before", "after"), [({"a": 1}, {"a": 2}), ({"a": 1}, {}), ({"a": 1}, {"a": 1, "b": 1})])
async def test_each_kind_of_change_is_seen(load: Any, client: ScriptClient, before: Any, after: Any) -> None:
    host = load("function on_message(c, d) want = d end function on_command(c, cmd) cmd.params = want return cmd end")
    await host.on_message(client, after)
    assert (await host.on_command(client, command(**before))).params == after


async def test_deny_reply_and_as_system(load: Any, client: ScriptClient) -> None:
    host = load("""
        local bridge = require "bridge"
        function on_command(conn, cmd)
          if cmd.op == "deny" then return bridge.deny("not on Sundays") end
          if cmd.op == "reply" then return bridge.reply{status = 202, body = {own = true}} end
          if cmd.op == "empty" then return bridge.reply{} end
          return bridge.as_system(cmd)
        end""")
    with pytest.raises(Problem) as problem:
        await host.on_command(client, command("deny"))
    assert (problem.value.code, problem.value.source, problem.value.detail) == ("denied", "script", "not on Sundays")
    assert await host.on_command(client, command("reply")) == Reply(202, {"own": True})
    assert await host.on_command(client, command("empty")) == Reply(200, None)
    assert await host.on_command(client, command("x")) == SystemCommand(command("x"))


@pytest.mark.parametrize(
    ("returned", "detail"),
    [
        ("nil", "on_command returned nothing"),
        ("true", "on_command returned a boolean"),
        ("{}", "on_command returned no command"),
        ("{op = 1, target = 'pbx', params = {}}", "on_command returned no command"),
        ("{op = 'a', target = 'pbx', params = {1}}", "on_command returned no command"),
        ("{op = 'a', target = 'pbx', params = {x = print}}", "'x' is a function"),
    ],
)
async def test_a_hook_that_returns_no_command_lets_nothing_pass(
    load: Any, client: ScriptClient, returned: str, detail: str
) -> None:
    host = load(f"function on_command(conn, cmd) return {returned} end")
    with pytest.raises(Problem) as problem:
        await host.on_command(client, command())
    assert problem.value.code == "script_error"
    assert detail in problem.value.detail
    assert problem.value.detail.startswith("s1.lua")


async def test_scripts_form_a_chain_in_their_order(load: Any, client: ScriptClient) -> None:
    first = """
        function on_command(conn, cmd) cmd.params.seen = "first" return cmd end
        function on_event(event) event.seen = "first" return event end
        function on_message(conn, data) if data == "first" then return 1 end end"""
    second = """
        local bridge = require "bridge"
        function on_command(conn, cmd) cmd.params.seen = cmd.params.seen .. " second" return bridge.as_system(cmd) end
        function on_event(event) event.seen = event.seen .. " second" return event end
        function on_message(conn, data) if data == "second" then return 2 end end"""
    third = "function on_command(conn, cmd) cmd.params.seen = cmd.params.seen .. ' third' return cmd end"
    host = load(first, second, third)
    deciding: list[str] = []
    decided = await host.on_command(client, command(), deciding.append)
    assert decided == command(seen="first second third")
    assert deciding == ["s1.lua", "s2.lua", "s3.lua"]
    assert host.on_event("pbx", {"type": "X"}) == {"type": "X", "seen": "first second"}
    assert [await host.on_message(client, data) for data in ("first", "second", "third")] == [1, 2, None]


@pytest.mark.parametrize(
    ("later", "decided"),
    [
        ("return cmd", SystemCommand(command(by="first"))),
        ("cmd.params.by = 'later' return cmd", command(by="later")),
        ("cmd.params.by = 'later' return require('bridge').as_system(cmd)", SystemCommand(command(by="later"))),
    ],
    ids=["unchanged", "changed", "changed as the system"],
)
async def test_what_passes_as_the_systems_is_what_the_script_returned_that_says_so(
    load: Any, client: ScriptClient, later: str, decided: Any
) -> None:
    first = "function on_command(c, cmd) cmd.params.by = 'first' return require('bridge').as_system(cmd) end"
    host = load(first, f"function on_command(c, cmd) {later} end")
    assert await host.on_command(client, command()) == decided


async def test_a_denial_ends_the_chain(load: Any, client: ScriptClient) -> None:
    deny = "function on_command() return require('bridge').deny('no') end function on_event() return nil end"
    never = "function on_command() error('asked') end function on_event() error('asked') end"
    host = load("function on_command(conn, cmd) return cmd end", deny, never)
    deciding: list[str] = []
    with pytest.raises(Problem) as problem:
        await host.on_command(client, command(), deciding.append)
    assert (problem.value.code, deciding) == ("denied", ["s2.lua"])
    assert host.on_event("pbx", {"type": "X"}) is None


async def test_an_error_in_on_event_passes_the_event_and_is_logged(load: Any) -> None:
    host = load("function on_event(event)\n  error('broken')\nend", "function on_event(e) e.two = true return e end")
    with capture_logs() as logs:
        assert host.on_event("pbx", {"type": "X"}) == {"type": "X", "two": True}
    assert [(line["event"], line["where"], line["error"]) for line in logs] == [("script.error", "s1.lua:2", "broken")]


@pytest.mark.parametrize("returned", ["1", "{}", "{type = 1}", "{1, 2}"])
async def test_what_is_no_event_is_not_passed_on(load: Any, returned: str) -> None:
    host = load(f"function on_event(event) return {returned} end")
    event = {"type": "X"}
    with capture_logs() as logs:
        assert host.on_event("pbx", event) is event
    assert logs[0]["event"] == "script.error"


async def test_on_event_is_told_the_target(load: Any) -> None:
    host = load("function on_event(event, target) event.target = target return event end")
    assert host.on_event("pbx2", {"type": "X"}) == {"type": "X", "target": "pbx2"}


async def test_waiting_in_on_event_is_an_error_that_says_so(load: Any, asterisks: RecordingAsterisks) -> None:
    host = load("local ari = require 'ari'\nfunction on_event(event)\n  ari.channels.list()\n  return event\nend")
    with capture_logs() as logs:
        assert host.on_event("pbx", {"type": "X"}) == {"type": "X"}
    assert logs[0]["where"] == "s1.lua:3"
    assert logs[0]["error"].startswith("on_event cannot wait")
    assert not asterisks.calls


async def test_an_error_in_a_command_is_told_to_the_client_with_its_place(load: Any, client: ScriptClient) -> None:
    host = load("function on_command(conn, cmd)\n  local x = cmd.nothing.more\n  return cmd\nend")
    with capture_logs() as logs, pytest.raises(Problem) as problem:
        await host.on_command(client, command())
    assert (problem.value.code, problem.value.source) == ("script_error", "script")
    assert problem.value.detail == "s1.lua:2: attempt to index a nil value (field 'nothing')"
    assert logs[0]["where"] == "s1.lua:2"
    assert "on_command" in logs[0]["hook"]


async def test_connections_are_announced_and_keep_what_scripts_note_on_them(load: Any, client: ScriptClient) -> None:
    host = load("""
        local bridge = require "bridge"
        function on_connect(conn) conn.count = 0 end
        function on_message(conn, data)
          conn.count = conn.count + 1
          conn:send{got = data}
          return {id = conn.id, carrier = conn.carrier, user = conn.user, count = conn.count}
        end
        function on_disconnect(conn, reason) bridge.log("info", "gone", {id = conn.id, reason = reason}) end""")
    await host.on_connect(client)
    user = {"sub": "alice", "tenant": "acme", "roles": [], "endpoints": ["PJSIP/200"]}
    expected = {"id": "c_1", "carrier": "websocket", "user": user, "count": 1}
    assert await host.on_message(client, "hi") == expected
    assert (await host.on_message(client, "hi"))["count"] == 2
    assert client.sent == [{"got": "hi"}, {"got": "hi"}]
    with capture_logs() as logs:
        await host.on_disconnect(client, "left")
    assert logs[0]["fields"] == {"id": "c_1", "reason": "left"}


async def test_a_new_token_is_seen_by_the_script(load: Any, client: ScriptClient) -> None:
    host = load("function on_message(conn) return conn.user end")
    assert (await host.on_message(client, 1))["sub"] == "alice"
    client.principal = Principal("bob")
    assert await host.on_message(client, 1) == {"sub": "bob", "roles": [], "endpoints": []}


async def test_a_client_that_is_gone_is_forgotten(load: Any) -> None:
    host = load("""
        conns = setmetatable({}, {__mode = "k"})
        local kept
        function on_connect(conn) conns[conn] = true kept = kept or conn end
        function on_message(conn, data)
          for i = 1, 50000 do local garbage = {i} end
          kept:send("late")
          local n = 0
          for _ in pairs(conns) do n = n + 1 end
          return n
        end""")
    for number in range(50):
        await host.on_connect(ScriptClient(f"c_{number}"))
    last = ScriptClient("c_last")
    assert await host.on_message(last, 1) <= 2  # the last one, and the one that the script itself kept


async def test_writing_into_conn_does_not_make_it_another_connection(load: Any) -> None:
    host = load("function on_message(conn, data) conn.id = 'c_b' conn:send(data) end")
    a, b = ScriptClient("c_a"), ScriptClient("c_b")
    await host.on_message(b, "b")
    await host.on_message(a, "a")
    assert (a.sent, b.sent) == (["a"], ["b"])
