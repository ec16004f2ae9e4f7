"""Loading anew: all scripts at once, or none; what runs comes to its end on the scripts that it began with."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from models.simulated import in_simulated_time
from script_parts import RecordingAsterisks, ScriptClient, command
from structlog.testing import capture_logs

from aribridge.script import ScriptHost, ScriptLoadError, script

HEAD = "local bridge, ari, task = require 'bridge', require 'ari', require 'task' "


def version(number: int, more: str = "") -> str:
    return HEAD + more + f" function on_message(conn, data) if data then ari.channels.list() end return {number} end"


async def settled(host: ScriptHost) -> None:
    """Wait until nothing is left of earlier versions."""
    async with asyncio.timeout(30):
        while host._retiring:
            await asyncio.wait(host._retiring)


async def test_a_new_version_takes_over_and_a_running_hook_ends_on_the_old_one(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks, tmp_path: Path
) -> None:
    host = load(version(1))
    asterisks.held = asyncio.Event()
    running = asyncio.create_task(host.on_message(client, True))
    await asterisks.reached(1)
    (tmp_path / "s1.lua").write_text(version(2))
    host.load()
    assert await host.on_message(client, False) == 2
    asterisks.held.set()
    assert await running == 1
    await settled(host)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("function on_message( return 3 end", r"s2\.lua:1: .*expected"),
        ("\nerror('no')", r"s2\.lua:2: no"),
        ("while true do end", r"s2\.lua:1: took more CPU time"),
        ("require 'gone'", "no file gone.lua"),
    ],
)
async def test_a_version_that_does_not_load_changes_nothing(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks, tmp_path: Path, broken: str, error: str
) -> None:
    host = load(version(1), HEAD + "bridge.every(10, function() ari.channels.get{channelId = 'old'} end)")
    starts = "bridge.after(0, ari.channels.list) task.spawn(ari.channels.list) bridge.every(10, ari.channels.list)"
    (tmp_path / "s1.lua").write_text(version(2, starts))
    (tmp_path / "s2.lua").write_text(broken)
    with pytest.raises(ScriptLoadError, match=error):
        host.load()
    assert await host.on_message(client, False) == 1
    await asyncio.wait_for(asterisks.reached(3), 30)
    assert {call[1] for call in asterisks.calls} == {"channels.get"}


async def test_hooks_come_and_go_with_versions(load: Any, client: ScriptClient, tmp_path: Path) -> None:
    host = load("function on_event(e) e.seen = true return e end")
    assert host.on_event("pbx", {"type": "X"}) == {"type": "X", "seen": True}
    (tmp_path / "s1.lua").write_text("function on_command(c, cmd) cmd.params.new = true return cmd end")
    host.load()
    event = {"type": "X"}
    assert host.on_event("pbx", event) is event
    assert await host.on_command(client, command()) == command(new=True)
    assert (host.has("on_event"), host.has("on_command")) == (False, True)


@in_simulated_time
async def test_timers_end_and_tasks_go_on(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks, tmp_path: Path
) -> None:
    host = load(
        HEAD
        + """
        bridge.every(10, function() ari.channels.get{channelId = "timer"} end)
        task.spawn(function()
          ari.channels.list()
          bridge.after(0, function() ari.channels.get{channelId = "late"} end)
          bridge.sleep(30)
          ari.channels.hangup{channelId = "task"}
        end)"""
    )
    await asterisks.reached(1)
    asterisks.held = asyncio.Event()
    (tmp_path / "s1.lua").write_text("")
    asterisks.calls.clear()
    host.load()
    asterisks.held.set()
    await settled(host)
    assert asterisks.calls == [(None, "channels.hangup", {"channelId": "task"})]


async def test_a_task_without_end_is_cancelled_after_a_while(
    load: Any, asterisks: RecordingAsterisks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "RETIREMENT_SECONDS", 0.05)
    host = load(HEAD + "task.spawn(function() while true do ari.channels.list() bridge.sleep(1) end end)")
    await asterisks.reached(1)
    (tmp_path / "s1.lua").write_text("")
    host.load()
    with capture_logs() as logs:
        await settled(host)
    assert logs == []


async def test_old_interpreters_are_dropped(load: Any, client: ScriptClient) -> None:
    host = load(version(1))
    seen = []
    for _ in range(20):
        seen += [weakref.ref(script._runtime) for script in host._scripts.scripts]
        host.load()
        await host.on_message(client, True)
    await settled(host)
    gc.collect()
    assert [reference() for reference in seen] == [None] * 20


async def test_a_hundred_reloads_during_a_thousand_commands(load: Any, client: ScriptClient, tmp_path: Path) -> None:
    source = HEAD + "function on_command(conn, cmd) ari.channels.list() cmd.params.version = %d return cmd end"
    host = load(source % 0)
    answers: list[Any] = []

    async def ask() -> None:
        answers.extend([await host.on_command(client, command()) for _ in range(100)])

    async def reload() -> None:
        for number in range(1, 101):
            broken = number % 3 == 0
            (tmp_path / "s1.lua").write_text("broken(" if broken else source % number)
            try:
                host.load()
            except ScriptLoadError:
                assert broken
            await asyncio.sleep(0.001)

    await asyncio.gather(reload(), *(ask() for _ in range(10)))
    versions = [answer.params["version"] for answer in answers]
    assert len(versions) == 1000
    assert len(set(versions)) > 10
    assert not [number for number in versions if number and number % 3 == 0]
    await settled(host)


async def test_closing_ends_what_old_versions_still_do(
    load: Any, client: ScriptClient, asterisks: RecordingAsterisks, tmp_path: Path
) -> None:
    host = load(HEAD + "task.spawn(ari.channels.list) function on_connect() end")
    before = asyncio.all_tasks()
    asterisks.held = asyncio.Event()
    await asterisks.reached(1)
    (tmp_path / "s1.lua").write_text("")
    host.load()
    await host.close()
    assert asyncio.all_tasks() <= before


async def test_the_files_are_known_modules_included(load: Any, tmp_path: Path) -> None:
    (tmp_path / "names.lua").write_text("return {}")
    host = load("require 'names' require 'ari'")
    assert host.files == [tmp_path / "s1.lua", tmp_path / "names.lua"]
