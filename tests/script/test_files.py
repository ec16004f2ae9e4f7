"""Loading scripts: what is found, and what is said when something is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from script_parts import RecordingAsterisks, ScriptClient, load_host

from aribridge.script import ScriptLoadError
from aribridge.script.stock import lua_folder


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\ny = = 2", "s1.lua:2: unexpected symbol near '='"),
        ("x = {}\nx.y.z = 2", "s1.lua:2: attempt to index a nil value (field 'y')"),
        ("error('no')", "s1.lua:1: no"),
        ("while true do end", "s1.lua:1: took more CPU time than scripts.budget_ms allows"),
        ("on_event = 5", "s1.lua: on_event is a number; hooks are functions"),
        ("require 'nothing.here'", "module 'nothing.here': no file nothing/here.lua in "),
        ("require '../up'", "module '../up': names of modules are words with dots between them"),
        ("require('ari').channels.list()", "nothing can wait while a script is being loaded"),
        ("\x1bLua", "attempt to load a binary chunk (mode is 't')"),
    ],
)
async def test_what_cannot_be_loaded_says_where(load: Any, source: str, message: str) -> None:
    with pytest.raises(ScriptLoadError) as error:
        load(source)
    assert message in str(error.value)


async def test_files_that_cannot_be_read_are_named(tmp_path: Path, asterisks: RecordingAsterisks) -> None:
    with pytest.raises(ScriptLoadError, match=r"gone\.lua: No such file or directory; scripts\.files"):
        load_host(asterisks, tmp_path / "gone.lua")
    binary, large = tmp_path / "binary.lua", tmp_path / "large.lua"
    binary.write_bytes(b"\xff\xfe")
    large.write_text("-" * (1 << 21))
    with pytest.raises(ScriptLoadError, match="not a UTF-8 text file"):
        load_host(asterisks, binary)
    with pytest.raises(ScriptLoadError, match="larger than 1 MiB"):
        load_host(asterisks, large)


async def test_modules_beside_the_script_are_loaded_once(tmp_path: Path, load: Any, client: ScriptClient) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "names.lua").write_text("count = (count or 0) + 1 return {first = 'Alice', name = ...}")
    (tmp_path / "silent.lua").write_text("local names = require 'tools.names'")
    host = load("""
        local names, silent = require "tools.names", require "silent"
        function on_message() return {names.first, names.name, silent, count, require("tools.names") == names} end""")
    assert await host.on_message(client, 1) == ["Alice", "tools.names", True, 1, True]


async def test_an_error_in_a_module_names_the_module(tmp_path: Path, load: Any) -> None:
    (tmp_path / "broken.lua").write_text("\n\nlocal x = nil + 1")
    with pytest.raises(ScriptLoadError, match=r"broken\.lua:3: attempt to perform arithmetic"):
        load("require 'broken'")


async def test_modules_that_require_each_other_are_an_error(tmp_path: Path, load: Any) -> None:
    (tmp_path / "a.lua").write_text("require 'b'")
    (tmp_path / "b.lua").write_text("require 'a'")
    with pytest.raises(ScriptLoadError, match="requires itself"):
        load("require 'a'")


async def test_the_built_in_modules_cannot_be_replaced(tmp_path: Path, load: Any, client: ScriptClient) -> None:
    (tmp_path / "ari.lua").write_text("return 'a fake'")
    (tmp_path / "bridge.lua").write_text("return 'a fake'")
    host = load("function on_message() return {type(require 'ari'), type(require 'bridge')} end")
    assert await host.on_message(client, 1) == ["table", "table"]


async def test_a_module_is_not_loaded_in_the_middle_of_a_hook(tmp_path: Path, load: Any, client: ScriptClient) -> None:
    (tmp_path / "late.lua").write_text("return 1")
    host = load("function on_message() return select(2, pcall(require, 'late')) end")
    assert (
        await host.on_message(client, 1) == "module 'late' has not been loaded yet: require it at the top of the script"
    )


async def test_the_stock_script_lets_everything_pass(asterisks: RecordingAsterisks, client: ScriptClient) -> None:
    host = load_host(asterisks, "stock:main.lua")
    event = {"type": "StasisStart"}
    assert host.on_event("pbx", event) is event
    assert not host.has("on_event")  # an unconfigured gateway pays nothing on the path of commands and events
    assert not host.has("on_command")
    assert await host.on_message(client, "echo") == "echo"
    assert await host.on_message(client, ["echo", 1]) == ["echo", 1]
    assert "error" in await host.on_message(client, "x")


def test_every_lua_file_of_the_gateway_is_plain_text_of_bounded_width() -> None:
    for path in lua_folder().rglob("*.lua"):
        assert all(len(line) <= 120 for line in path.read_text("ascii").splitlines()), path
