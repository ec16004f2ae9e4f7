"""What editors are told of the Lua modules: up to date, valid, and complete."""

from __future__ import annotations

import re

import lupa.lua54 as lupa
import pytest

from aribridge.asterisk.install import install
from aribridge.script.stock import lua_folder
from aribridge.web.luals import ari_module

FOLDER = lua_folder() / "annotations"
FILES = sorted(FOLDER.glob("*.lua"))


def declared(name: str) -> set[str]:
    return set(re.findall(r"^function ([\w.:]+)\(", (FOLDER / f"{name}.lua").read_text(), re.MULTILINE))


def test_the_annotations_are_those_of_asterisks_description() -> None:
    made = ari_module(install("22").data / "rest-api")
    committed = (FOLDER / "ari.lua").read_text()
    # Debian may bring a later Asterisk than the one that the file was made from; its second line says which.
    if made.split("\n")[1] == committed.split("\n")[1]:
        assert made == committed, "run python -m aribridge.web.luals, see its docstring"
    assert "function channels.originate(params) end" in made
    assert "---@class ari.StasisStart: ari.Event" in made


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_annotations_are_valid_lua(path) -> None:
    lua = lupa.LuaRuntime(register_eval=False, register_builtins=False)
    lua.execute(path.read_text(), name=f"@{path.name}", mode="t")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_class_that_is_named_is_declared(path) -> None:
    text = "\n".join(file.read_text() for file in FILES)
    known = set(re.findall(r"^---@(?:class|alias) ([\w.]+)", text, re.MULTILINE))
    named = set(re.findall(r"\b(?:ari|aribridge|call|bridge|task|T)\.[A-Za-z][\w.]*\b", _types(path.read_text())))
    assert named <= known


def _types(text: str) -> str:
    return "\n".join(
        re.findall(r"^---@(?:field [\w\[\]\"]+\??|param \w+\??|return|type|class [\w.]+:) (.*)", text, re.MULTILINE)
    )


@pytest.mark.parametrize(("module", "source"), [("bridge", "bridge"), ("task", "task")])
def test_every_function_of_a_module_is_annotated(module: str, source: str) -> None:
    text = (lua_folder() / "lib" / f"{source}.lua").read_text()
    functions = set(re.findall(rf"^function ({module}\.[\w.]+)\(", text, re.MULTILINE))
    functions = {re.sub(r"^bridge\.kv\.", "kv.", name) for name in functions}
    assert functions
    assert functions <= declared(module)


def test_every_verb_of_a_call_is_annotated() -> None:
    text = "\n".join(file.read_text() for file in (lua_folder() / "flow").glob("*.lua"))
    verbs = set(re.findall(r'host\.verb\("(\w+)"', text)) | set(re.findall(r"function CALL:(\w+)", text))
    assert {f"call:{verb}" for verb in verbs} <= declared("hooks")


def test_every_function_of_tests_is_annotated() -> None:
    text = (lua_folder() / "host" / "testing.lua").read_text()
    functions = set(re.findall(r"^function (T\.\w+)\(", text, re.MULTILINE))
    functions |= {
        f"phone:{name}"
        for name in re.findall(r'^does\("(\w+)"|^function PHONE:(\w+)', text, re.MULTILINE)
        for name in name
        if name
    }
    functions |= {f"recording:{name}" for name in re.findall(r"^function RECORDING:(\w+)", text, re.MULTILINE)}
    assert functions == declared("testing")
