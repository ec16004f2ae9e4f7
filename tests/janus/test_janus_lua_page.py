"""The page for those who come from Janus's Lua plugin: its settings are settings, its scripts load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aribridge.config import load
from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.janus.plugins.lua import LuaPlugin
from aribridge.script.janus.script import MANDATORY

PAGE = (Path(__file__).parents[2] / "docs" / "janus-lua.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", blocks("toml"), ids=range(len(blocks("toml"))))
def test_its_settings(tmp_path, block):
    for file in re.findall(r'"(/\S+/)(\S+\.(?:lua|secret))"', block):
        (tmp_path / file[1]).write_text("a secret of the tests, or a script")
        (tmp_path / file[1]).chmod(0o600)
    config = tmp_path / "aribridge.toml"
    config.write_text(re.sub(r'"/\S+/(\S+\.(?:lua|secret))"', rf'"{tmp_path}/\1"', block))
    assert load(config, {}, {}, complete=False).janus.lua[0].path == ["/usr/share/janus/lua"]


@pytest.mark.parametrize("block", blocks("lua"), ids=range(len(blocks("lua"))))
async def test_its_scripts(tmp_path, block):
    file = tmp_path / "plugin.lua"
    missing = (f"function {name}() end\n" for name in MANDATORY if f"function {name}(" not in block)
    file.write_text(block + "".join(missing))
    plugin = LuaPlugin(JanusLuaSettings(script=str(file)), ScriptSettings(), None, {})
    plugin.load()
    await plugin.start()
    await plugin.stop()


def test_it_names_every_function_and_callback():
    source = (Path(__file__).parents[2] / "lua" / "host" / "janus.lua").read_text("utf-8")
    functions = re.findall(r'(?:function env\.|about_session\("|^relay\(")(\w+)', source, re.MULTILINE)
    assert len(functions) > 12
    unnamed = {name for name in {*functions, *MANDATORY} if f"`{name}`" not in PAGE and f"`math.{name}`" not in PAGE}
    assert unnamed <= {"testExtraFunction", "math"}
