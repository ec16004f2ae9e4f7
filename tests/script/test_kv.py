"""bridge.kv: what scripts remember."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real.wait import until
from script_parts import RecordingAsterisks, ScriptClient

from aribridge.core.settings import ScriptSettings
from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost
from aribridge.script.errors import CallFailure
from aribridge.script.store import FILE, MOST_LISTED, Store

HEAD = "local kv = require('bridge').kv\nfunction on_message(conn, data)\n"
Open = Callable[..., ScriptHost]


@pytest.fixture
async def open_host(tmp_path: Path, asterisks: RecordingAsterisks) -> AsyncIterator[Open]:
    hosts: list[ScriptHost] = []

    def start(body: str, name: str = "a.lua", state: Path | None = tmp_path / "state", **more: Any) -> ScriptHost:
        (tmp_path / name).write_text(HEAD + body + "\nend")
        hosts.append(ScriptHost(ScriptSettings(files=[str(tmp_path / name)], **more), asterisks, state))
        hosts[-1].load()
        return hosts[-1]

    yield start
    for host in hosts:
        await host.close()


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = Store(tmp_path, 1000)
    yield store
    store.close()


async def test_values_come_back_as_they_were_and_survive_a_restart(open_host: Open, client: ScriptClient) -> None:
    value = {"s": "ü", "n": 1, "f": 1.5, "b": False, "list": [1, [], {}]}
    await open_host("kv.set('x', data)").on_message(client, value)
    assert await open_host("return {kv.get('x'), kv.get('y') == nil}").on_message(client, 1) == [value, True]


async def test_each_script_has_a_namespace_of_its_own(open_host: Open, client: ScriptClient) -> None:
    await open_host("kv.set('x', 1)").on_message(client, 1)
    assert await open_host("return {kv.get('x') == nil, kv.list()}", "b.lua").on_message(client, 1) == [True, []]


async def test_delete_list_and_incr(open_host: Open, client: ScriptClient) -> None:
    body = """
        for _, key in ipairs{"b2", "a", "b1", "b%"} do kv.set(key, true) end
        return {kv.delete("a"), kv.delete("a"), kv.list("b"), kv.list("", "b1"), kv.list("c"),
                kv.incr("n"), kv.incr("n", 5), kv.incr("n", -0.5), kv.get("n")}"""
    answer = [True, False, ["b%", "b1", "b2"], ["b2"], [], 1, 6, 5.5, 5.5]
    assert await open_host(body).on_message(client, 1) == answer


@pytest.mark.parametrize(("first", "by"), [("1e308", "1e308"), ("math.maxinteger", "1"), ("math.mininteger", "-1")])
async def test_a_sum_that_no_number_holds_is_refused(
    open_host: Open, client: ScriptClient, first: str, by: str
) -> None:
    body = f"""
        kv.incr("n", {first})
        local ok, problem = pcall(kv.incr, "n", {by})
        return {{ok, problem.code, kv.get("n") == {first}}}"""
    assert await open_host(body).on_message(client, 1) == [False, "bad_value", True]


async def test_increments_side_by_side_are_all_counted(open_host: Open, client: ScriptClient) -> None:
    host = open_host("return kv.incr('n')", hook_seconds=60)
    answers = await asyncio.gather(*(host.on_message(client, 1) for _ in range(50)))
    assert sorted(answers) == list(range(1, 51))


async def test_values_expire(open_host: Open, client: ScriptClient) -> None:
    body = """
        kv.set("gone", 1, {ttl = 0.05})
        kv.set("stays", 1, {ttl = 100})
        kv.incr("count", 1, {ttl = 0.05})
        kv.set("renewed", 1, {ttl = 0.05})
        kv.set("renewed", 2)
        require("bridge").sleep(60)
        return {kv.get("gone") == nil, kv.list(), kv.incr("count"), kv.delete("gone")}"""
    assert await open_host(body).on_message(client, 1) == [True, ["renewed", "stays"], 1, False]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("kv.set('', 1)", "bad_parameter"),
        ("kv.set(('k'):rep(257), 1)", "bad_parameter"),
        ("kv.set(5, 1)", "bad_parameter"),
        ("kv.set('k')", "bad_parameter"),
        ("kv.set('k', 1, {ttl = 0})", "bad_parameter"),
        ("kv.set('k', 1, {ttl = 'x'})", "bad_parameter"),
        ("kv.get()", "bad_parameter"),
        ("kv.incr('k', 'x')", "bad_parameter"),
        ("kv.list(5)", "bad_parameter"),
        ("kv.set('k', 'text') kv.incr('k')", "bad_value"),
        ("kv.set('k', ('x'):rep(1100000))", "kv_full"),
    ],
)
async def test_errors_are_tables(open_host: Open, client: ScriptClient, call: str, code: str) -> None:
    body = f"local ok, problem = pcall(function() {call} end) return problem.code"
    assert await open_host(body, kv_mb=1).on_message(client, 1) == code


async def test_without_a_folder_it_says_what_is_missing(open_host: Open, client: ScriptClient) -> None:
    with pytest.raises(Problem, match=r"set state in aribridge\.toml"):
        await open_host("kv.get('x')", state=None).on_message(client, 1)


async def test_a_file_that_is_broken_is_told(open_host: Open, client: ScriptClient, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_text("this is no database" * 100)
    with pytest.raises(Problem, match=r"store of bridge\.kv failed: file is not a database"):
        await open_host("kv.get('x')").on_message(client, 1)


@contextmanager
def locked(tmp_path: Path) -> Iterator[None]:
    """The file, as `aribridge kv` or a backup may have it."""
    locker = sqlite3.connect(tmp_path / "state" / FILE, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    yield
    locker.close()


async def test_a_locked_file_holds_up_nobody_else(
    open_host: Open, client: ScriptClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aribridge.script.store._PATIENCE", 60)
    writes: list[Any] = []
    write = Store.set
    monkeypatch.setattr(Store, "set", lambda *given: (writes.append(given), write(*given)))
    host = open_host("if data == 'free' then return 1 end kv.set('x', 1) return 2")
    await host.on_message(client, 1)
    with locked(tmp_path):
        waiting = asyncio.create_task(host.on_message(client, 2))
        await until(lambda: len(writes) == 2, every=0.001, what="a thread waits for the file")
        assert await host.on_message(client, "free") == 1
        assert not waiting.done()
    assert await waiting == 2


async def test_a_file_that_stays_locked_is_told(
    open_host: Open, client: ScriptClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aribridge.script.store._PATIENCE", 0.1)
    host = open_host("kv.set('x', 1)")
    await host.on_message(client, 1)
    with locked(tmp_path), pytest.raises(Problem, match="locked"):
        await host.on_message(client, 2)


def test_who_opens_the_file_waits_for_who_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the gateway and `aribridge kv` may at the same moment; SQLite itself says at once that it is locked."""
    maker = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    maker.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("time.sleep", lambda _: maker.commit())
    store = Store(tmp_path, 1000)
    store.set("a", "x", 1, None)
    assert not maker.in_transaction
    store.close()
    maker.close()


def test_nobody_else_can_read_the_file(store: Store, tmp_path: Path) -> None:
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_script_has_so_much_and_not_more(store: Store) -> None:
    for _ in range(50):
        store.set("a", "same", "x" * 500, None)
    store.set("a", "other", "x" * 400, None)
    with pytest.raises(CallFailure, match="a keeps 913 bytes"):
        store.set("a", "third", "x" * 100, None)
    with pytest.raises(CallFailure):
        store.set("a", "other", "x" * 900, None)
    store.set("b", "third", "x" * 900, None)
    assert store.delete("a", "same")
    store.set("a", "third", "x" * 100, None)


def test_what_expired_makes_room(store: Store) -> None:
    store.set("a", "old", "x" * 900, 0.001)
    time.sleep(0.002)  # the time is SQLite's row's, there is nothing to wait for
    store.set("a", "new", "x" * 900, None)
    assert [entry.key for entry in store.entries(None)] == ["new"]


def test_long_lists_come_in_pieces(tmp_path: Path) -> None:
    store = Store(tmp_path, 10**6)
    for number in range(MOST_LISTED + 5):
        store.set("a", f"{number:05}", number, None)
    first = store.keys("a", "", "")
    assert (len(first), len(store.keys("a", "", first[-1]))) == (MOST_LISTED, 5)
    store.close()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(-9, 9))), max_size=30))
@settings(max_examples=30, deadline=None)
def test_it_is_a_dictionary(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int | None]]) -> None:
    store = Store(tmp_path_factory.mktemp("kv"), 10**6)
    model: dict[str, int] = {}
    for key, value in steps:
        if value is None:
            assert store.delete("s", key) == (model.pop(key, None) is not None)
        else:
            store.set("s", key, value, None)
            model[key] = value
    assert {entry.key: entry.value for entry in store.entries("s")} == model
    assert store.delete_all("s") == len(model)
    store.close()


def test_counters_take_room_too(tmp_path: Path) -> None:
    store = Store(tmp_path, most=1000)
    with pytest.raises(CallFailure) as failure:
        all(store.incr("a", f"counter {number}", 1, None) for number in range(1000))
    assert failure.value.code == "kv_full"
    store.close()
