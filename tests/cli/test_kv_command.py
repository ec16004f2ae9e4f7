"""`aribridge kv`, as a user calls it."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aribridge.cli import main
from aribridge.script.store import FILE, Store


@pytest.fixture
def state(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "state", 10**6)
    store.set("queue.lua", "agents", ["200", "201"], None)
    store.set("queue.lua", "lunch", "x" * 100, 3600)
    store.set("ivr.lua", "pin", 1234, None)
    store.close()
    return tmp_path / "state"


def kv(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["kv", *arguments, "--set", "state=state"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_list_shows_keys_values_and_the_end_of_each(state):
    lines = kv("list").output.splitlines()
    assert lines[:2] == ["ivr.lua  pin  1234", 'queue.lua  agents  ["200","201"]']
    assert lines[2].startswith('queue.lua  lunch  "xxx')
    assert time.strftime("…  until %Y-", time.gmtime(time.time() + 3600)) in lines[2]
    assert kv("list", "ivr.lua").output == "ivr.lua  pin  1234\n"


@pytest.mark.parametrize("seconds", [1e12, float("inf")])
def test_list_shows_what_is_kept_for_longer_than_a_calendar_has(tmp_path, state, seconds):
    """Lua's math.huge, for one."""
    store = Store(tmp_path / "state", 10**6)
    store.set("queue.lua", "motto", "all agents", seconds)
    store.close()
    assert 'queue.lua  motto  "all agents"' in kv("list").output


def test_export_is_json_by_line(state):
    rows = [json.loads(line) for line in kv("export", "queue.lua").output.splitlines()]
    assert rows[0] == {"script": "queue.lua", "key": "agents", "value": ["200", "201"], "expires": None}
    assert rows[1]["expires"] == pytest.approx(time.time() + 3600, abs=60)


def test_delete_takes_one_key_or_all(state):
    assert kv("delete", "queue.lua", "agents").output == "deleted: 1\n"
    assert kv("delete", "queue.lua", "--all").output == "deleted: 1\n"
    gone = kv("delete", "queue.lua", "agents")
    assert (gone.exit_code, gone.output[:13]) == (1, "Nothing there")
    assert kv("list").output == "ivr.lua  pin  1234\n"
    assert kv("delete", "ivr.lua").exit_code == 2
    assert kv("delete", "ivr.lua", "pin", "--all").exit_code == 2


def test_without_a_file_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = kv("list")
    assert (result.exit_code, "No script has stored anything yet" in result.output) == (1, True)
    assert not (tmp_path / "state").exists()


def test_a_broken_file_is_told(state):
    (state / FILE).write_text("this is no database" * 100)
    result = kv("list")
    assert (result.exit_code, "file is not a database" in result.output) == (1, True)
