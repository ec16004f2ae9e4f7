"""Tasks, and waiting for time: bridge.sleep, bridge.every, task.spawn, task.gather, task.cancel."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from models.simulated import in_simulated_time
from script_parts import RecordingAsterisks, ScriptClient
from structlog.testing import capture_logs

from aribridge.protocol.problems import Problem
from aribridge.script import runs

HEAD = "local bridge, ari, task = require 'bridge', require 'ari', require 'task' "


class Mailbox(ScriptClient):
    """A client whose messages can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()

    def send_message(self, data: Any) -> None:
        self.inbox.put_nowait(data)

    async def next(self) -> Any:
        return await asyncio.wait_for(self.inbox.get(), 30)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


async def ask(load: Any, client: ScriptClient, body: str, data: Any = None, **settings: Any) -> Any:
    host = load(HEAD + f"function on_message(conn, data)\n{body}\nend", **settings)
    return await host.on_message(client, data)


@in_simulated_time
async def test_sleep_waits_and_lets_others_go_on(load: Any, client: ScriptClient) -> None:
    host = load(
        HEAD
        + """
        local order = bridge.array{}
        function on_message(conn, ms)
          bridge.sleep(ms)
          order[#order + 1] = ms
          return order
        end"""
    )
    await asyncio.gather(host.on_message(client, 40), host.on_message(client, 1))
    assert asyncio.get_running_loop().time() == pytest.approx(0.04)
    assert await host.on_message(client, 0) == [1, 40, 0]


async def test_a_spawned_task_outlives_its_hook_and_its_time_limit(load: Any, mailbox: Mailbox) -> None:
    body = """
        task.spawn(function(a, b, c)
          bridge.sleep(120)
          conn:send{a, c, b == nil}
        end, "one", nil, "three")
        return "spawned" """
    assert await ask(load, mailbox, body, hook_seconds=0.05) == "spawned"
    assert await mailbox.next() == ["one", "three", True]


async def test_on_event_may_spawn_but_not_wait(load: Any, asterisks: RecordingAsterisks) -> None:
    host = load(
        HEAD
        + """
        function on_event(event)
          task.spawn(function() ari.channels.get{channelId = event.id} end)
          event.error = select(2, pcall(bridge.sleep, 1)).code
          event.gather = select(2, pcall(task.gather, {function() end})).code
          return event
        end"""
    )
    changed = host.on_event("pbx", {"type": "X", "id": "1.2"})
    assert changed == {"type": "X", "id": "1.2", "error": "cannot_wait", "gather": "cannot_wait"}
    await asyncio.wait_for(asterisks.reached(1), 30)


async def test_gather_runs_side_by_side_and_keeps_the_order(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    asterisks.held = asyncio.Event()
    body = """
        local spawned = task.spawn(function() return "spawned" end)
        return task.gather{
          function() ari.channels.list() return 1 end,
          spawned,
          function() ari.channels.list() return {two = 2} end,
        }"""
    answer = asyncio.create_task(ask(load, client, body))
    await asyncio.wait_for(asterisks.reached(2), 30)
    asterisks.held.set()
    assert await answer == [1, "spawned", {"two": 2}]


async def test_gather_of_nothing_and_of_what_is_over(load: Any, client: ScriptClient) -> None:
    body = """
        local one = task.spawn(function() return 1 end)
        task.gather{one}
        return {task.gather{}, task.gather{one, one}}"""
    assert await ask(load, client, body) == [{}, [1, 1]]


async def test_the_first_error_in_gather_is_raised_and_cancels_the_rest(load: Any, mailbox: Mailbox) -> None:
    body = """
        local ok, problem = pcall(task.gather, {
          function()
            local ok, problem = pcall(bridge.sleep, 60000)
            conn:send(problem.code)
            bridge.sleep(1)
            conn:send("cleaned up")
          end,
          function() bridge.sleep(1) error({code = "mine"}) end,
        })
        return problem.code"""
    with capture_logs() as logs:
        assert await ask(load, mailbox, body) == "mine"
        assert [await mailbox.next(), await mailbox.next()] == ["cancelled", "cleaned up"]
    assert logs == []


async def test_an_error_in_gather_says_where_it_came_from(load: Any, client: ScriptClient) -> None:
    with pytest.raises(Problem, match=r"s1\.lua:2: broken"):
        await ask(load, client, "task.gather{function() error('broken') end}")


async def test_an_error_that_nobody_waits_for_is_logged(load: Any, mailbox: Mailbox) -> None:
    with capture_logs() as logs:
        await ask(
            load, mailbox, "task.spawn(function()\nerror('alone') end)\nbridge.after(1, function() conn:send(1) end)"
        )
        await mailbox.next()
    assert [(line["hook"], line["where"], line["error"]) for line in logs] == [("task", "s1.lua:3", "alone")]


async def test_cancel_raises_where_the_task_waits_and_leaves_time_to_clean_up(
    load: Any, mailbox: Mailbox, asterisks: RecordingAsterisks
) -> None:
    body = """
        local sleeper = task.spawn(function()
          local ok, problem = pcall(bridge.sleep, 60000)
          ari.channels.hangup{channelId = "1.2"}
          conn:send{ok, problem.code, tostring(problem)}
          error(problem)
        end)
        bridge.sleep(1)
        return {task.cancel(sleeper), task.cancel(sleeper)}"""
    with capture_logs() as logs:
        assert await ask(load, mailbox, body) == [True, True]
        ok, code, text = await mailbox.next()
    assert (ok, code) == (False, "cancelled")
    assert "cancelled while it waited" in text
    assert [call[1] for call in asterisks.calls] == ["channels.hangup"]
    assert logs == []


async def test_a_cancelled_task_that_has_not_begun_never_does(load: Any, client: ScriptClient) -> None:
    body = """
        local ran = false
        local early = task.spawn(function() ran = true end)
        task.cancel(early)
        local ok, problem = pcall(task.gather, {early})
        return {ran, problem.code, task.cancel(early)}"""
    assert await ask(load, client, body) == [False, "cancelled", False]


async def test_a_cancelled_task_that_goes_on_is_ended(
    load: Any, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CLEAN_UP_SECONDS", 0.1)
    body = """
        local stubborn = task.spawn(function()
          while true do pcall(bridge.sleep, 1) end
        end)
        bridge.sleep(1)
        task.cancel(stubborn)
        local ok, problem = pcall(task.gather, {stubborn})
        return problem.code"""
    with capture_logs() as logs:
        assert await ask(load, mailbox, body) == "stopped"
    assert [(line["hook"], line["ran_out"], line["where"]) for line in logs] == [("task", "cancel", "s1.lua:4")]


async def test_tasks_end_with_the_gather_that_waits_for_them(
    load: Any, mailbox: Mailbox, asterisks: RecordingAsterisks
) -> None:
    body = """
        task.gather{function()
          local ok, problem = pcall(bridge.sleep, 60000)
          conn:send(problem.code)
        end}"""
    with pytest.raises(Problem, match="hook_seconds"):
        await ask(load, mailbox, body, hook_seconds=0.05)
    assert await mailbox.next() == "cancelled"


@pytest.mark.parametrize(("end", "code"), [("while true do end", "overrun"), ("('x'):rep(1e9)", "overrun")])
async def test_an_overrun_in_a_task_ends_it_and_is_told(load: Any, client: ScriptClient, end: str, code: str) -> None:
    body = f"""
        local ok, problem = pcall(task.gather, {{function() {end} end}})
        return problem.code"""
    with capture_logs() as logs:
        assert await ask(load, client, body, budget_ms=10) == code
    assert [line["hook"] for line in logs] == ["task"]


async def test_a_thousand_tasks_wait_for_asterisk_at_once(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    asterisks.held = asyncio.Event()
    body = """
        local all = {}
        for i = 1, 1000 do all[i] = function() ari.channels.list() return i end end
        local sum = 0
        for _, i in ipairs(task.gather(all)) do sum = sum + i end
        return sum"""
    answer = asyncio.create_task(ask(load, client, body))
    await asyncio.wait_for(asterisks.reached(1000), 30)
    asterisks.held.set()
    assert await answer == 500500


async def test_tasks_are_bounded_and_their_places_come_back(load: Any, client: ScriptClient) -> None:
    body = """
        local many, spawned = {}, 0
        for i = 1, 500 do many[i] = function() bridge.sleep(0) end end
        for i = 1, 12 do task.gather(many) end
        local more = {}
        for i = 1, 5001 do more[i] = function() end end
        return select(2, pcall(task.gather, more))"""
    assert "more than 5000 tasks" in await ask(load, client, body, budget_ms=500, hook_seconds=60)


@in_simulated_time
async def test_every_repeats_without_overlap_until_cancelled(load: Any, mailbox: Mailbox) -> None:
    body = """
        local running, n, timer = 0, 0, nil
        timer = bridge.every(10, function()
          running, n = running + 1, n + 1
          conn:send{n, running}
          bridge.sleep(25)
          running = running - 1
          if n == 3 then conn:send{timer:cancel(), timer:cancel()} end
          error("each time")
        end)"""
    with capture_logs() as logs:
        await ask(load, mailbox, body)
        assert [await mailbox.next() for _ in range(4)] == [[1, 1], [2, 1], [3, 1], [True, False]]
    assert {line["error"] for line in logs} == {"each time"}
    await asyncio.sleep(5)
    assert mailbox.inbox.empty()


async def test_calls_that_fail_at_once_let_others_go_on(load: Any, client: ScriptClient) -> None:
    with pytest.raises(Problem, match="hook_seconds"):
        await ask(load, client, "while true do pcall(ari.no.such) end", hook_seconds=0.1)


async def test_publish_hands_events_over_in_order(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks
) -> None:
    body = """
        bridge.publish{type = "Lunch", channel = {id = "1.2"}}
        bridge.publish({type = "Tea"}, "pbx2")
        bridge.publish({type = "Tea"}, "nowhere")"""
    with capture_logs() as logs:
        await ask(load, client, body)
    assert asterisks.published == [(None, {"type": "Lunch", "channel": {"id": "1.2"}}), ("pbx2", {"type": "Tea"})]
    assert [(line["event"], line["code"]) for line in logs] == [("script.publish_failed", "unknown_target")]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("bridge.sleep(-1)", "bridge.sleep: the time is a number of milliseconds"),
        ("bridge.sleep()", "number of milliseconds"),
        ("bridge.every(1, print)", "from 10 to 24 days"),
        ("bridge.every(100)", "milliseconds and a function"),
        ("bridge.publish{}", "a table with a type"),
        ("bridge.publish('Lunch')", "a table with a type"),
        ("bridge.publish{type = 'StasisStart'}", "an event of Asterisk's own"),
        ("bridge.publish({type = 'Lunch'}, 5)", "an Asterisk's name"),
        ("bridge.publish{type = 'Lunch', f = print}", "'f' is a function"),
        ("task.spawn()", "task.spawn takes a function"),
        ("task.spawn({})", "task.spawn takes a function"),
        ("task.gather()", "takes a table of functions"),
        ("task.gather{1}", "number 1 is a number"),
        ("task.cancel()", "what task.spawn returned"),
        ("task.cancel({})", "what task.spawn returned"),
    ],
)
async def test_wrong_calls_say_what_is_wanted(load: Any, client: ScriptClient, call: str, text: str) -> None:
    with pytest.raises(Problem) as problem:
        await ask(load, client, call)
    assert text in problem.value.detail
    assert problem.value.detail.startswith("s1.lua:2: ")


async def test_closing_ends_tasks(load: Any, client: ScriptClient, asterisks: RecordingAsterisks) -> None:
    asterisks.held = asyncio.Event()
    host = load(HEAD + "function on_connect() task.spawn(ari.channels.list) task.spawn(bridge.sleep, 1e6) end")
    before = asyncio.all_tasks()
    await host.on_connect(client)
    await asyncio.wait_for(asterisks.reached(1), 30)
    with capture_logs() as logs:
        await host.close()
    assert asyncio.all_tasks() <= before
    assert logs == []
