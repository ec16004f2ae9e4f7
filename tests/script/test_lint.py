"""Likely mistakes in scripts that load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aribridge.cli import main
from aribridge.script.bytecode import Use, globals_of
from aribridge.script.lint import lint
from aribridge.script.stock import lua_folder


def reads(source: str) -> list[tuple[str, int]]:
    return [(use.name, use.line) for use in globals_of(source) if not use.written]


def test_globals_are_told_from_locals_fields_and_upvalues() -> None:
    source = """
        local a, t = b, {c = d}
        function e(f) return a + f + t.g + h end
        local function inner() i = function() return a, j end end
        for k, l in m do n = {k, l} end"""
    assert globals_of(source) == [
        Use("b", 2, written=False),
        Use("d", 2, written=False),
        Use("e", 3, written=True),
        Use("m", 5, written=False),
        Use("n", 5, written=True),
        Use("h", 3, written=False),
        Use("i", 4, written=True),
        Use("j", 4, written=False),
    ]


def test_lines_are_right_in_long_files_and_behind_long_gaps() -> None:
    source = "".join(f"local _ = a{n}\n" * (n % 150 == 0) + "\n" * 200 for n in range(0, 600, 50))
    lines = source.splitlines()
    found = reads(source)
    assert len(found) == 4
    assert all(name in lines[line - 1] for name, line in found)
    many = "do\n" + "\n".join(f"x = y{n} z = 1.5 w = 'text' v = {2**40} u = nil t = true" for n in range(100)) + "\nend"
    assert reads(many) == [(f"y{n}", n + 2) for n in range(100)]


def test_what_does_not_compile_and_what_hides_its_globals_has_none() -> None:
    assert globals_of("local x = = 1") == []
    assert globals_of("local _ENV = {} x = y") == []
    assert globals_of("") == []


def check(folder: Path, **sources: str) -> list[str]:
    for name, source in sources.items():
        (folder / f"{name}.lua").write_text(source)
    return [f"{m.file.name}:{m.line}: {m.text}" for m in lint([folder / f"{name}.lua" for name in sources])]


def test_names_that_nobody_defines_are_told_once_with_a_hint(tmp_path: Path) -> None:
    source = "\nfunction on_event(e) Tostring(e) Tostring(e)\nreturn wobble(e) end"
    assert check(tmp_path, main=source) == [
        "main.lua:2: nobody defines Tostring; did you mean tostring?",
        "main.lua:3: nobody defines wobble",
    ]


def test_what_a_module_or_a_later_line_defines_is_known(tmp_path: Path) -> None:
    main = "function on_event(e) return helper(later) end later = 1"
    assert check(tmp_path, main=main, names="function helper(x) return x end return names") == [
        "names.lua:1: nobody defines names"
    ]


@pytest.mark.parametrize(
    ("name", "hook"),
    [("on_comand", "on_command"), ("onEvent", "on_event"), ("on_messsage", "on_message"), ("oncall", "on_call")],
)
def test_misspelt_hooks_are_told(tmp_path: Path, name: str, hook: str) -> None:
    assert check(tmp_path, main=f"function {name}() end") == [
        f"main.lua:1: {name} is no hook, nobody calls it; did you mean {hook}?"
    ]


@pytest.mark.parametrize(
    "source",
    [
        "function on_command(c, cmd) return cmd end",
        "function helper() end",
        "function onEvent() end onEvent()",
        "x = 1",
    ],
)
def test_other_globals_are_nobodys_business(tmp_path: Path, source: str) -> None:
    assert check(tmp_path, main=source) == []


def test_what_the_gateway_brings_has_no_mistakes() -> None:
    for file in (lua_folder() / "main.lua", *(lua_folder() / "examples").glob("*.lua")):
        assert lint([file]) == []


def test_the_command_tells_file_and_line(tmp_path: Path) -> None:
    def run(source: str) -> Any:
        (tmp_path / "main.lua").write_text(source)
        (tmp_path / "helper.lua").write_text("return {x = unknwon}")
        return CliRunner().invoke(main, ["script", "check", str(tmp_path / "main.lua")])

    fine = run("local bridge = require 'bridge' function on_event(e) return e end")
    assert (fine.exit_code, fine.output) == (0, "ok\n")
    wrong = run("require 'helper'\nfunction on_evnet(e) return e end")
    assert wrong.exit_code == 1
    assert f"{tmp_path}/helper.lua:1: nobody defines unknwon" in wrong.output
    assert f"{tmp_path}/main.lua:2: on_evnet is no hook, nobody calls it; did you mean on_event?" in wrong.output
    assert "main.lua:1:" in run("function (").output


def test_a_file_of_tests_is_given_what_tests_are(tmp_path: Path) -> None:
    for name, mistakes in (("s_test.lua", ["nobody defines U"]), ("s.lua", ["nobody defines T", "nobody defines U"])):
        (tmp_path / name).write_text("function test_it() T.equal(1, 1) U() end")
        assert [mistake.text for mistake in lint([tmp_path / name])] == mistakes
