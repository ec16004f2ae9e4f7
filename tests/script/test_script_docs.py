"""Every block of Lua in the guide runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from script_parts import OPERATIONS, RecordingAsterisks, ScriptClient, command, load_host
from structlog.testing import capture_logs

from aribridge.core.settings import ScriptSettings
from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost

GUIDE = Path(__file__).parents[2] / "docs" / "lua.md"
BLOCKS = re.findall(r"^```lua\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
COMMANDS = (
    command("channels.originate", endpoint="PJSIP/200"),
    command("channels.originate", endpoint="PJSIP/0044123"),
    command("channels.hangup", channelId="1.2"),
    command("asterisk.getInfo"),
    command("channels.hangup", channelId="1.2", reason="kick"),
)


@pytest.mark.parametrize("block", BLOCKS, ids=range(1, len(BLOCKS) + 1))
async def test_a_block_of_the_guide_runs(tmp_path: Path, asterisks: RecordingAsterisks, block: str) -> None:
    path = tmp_path / "block.lua"
    path.write_text(block)
    asterisks.known = (*OPERATIONS, "endpoints.list")
    asterisks.answers = {"channels.list": [], "channels.get": {"state": "Up"}, "endpoints.list": [{"state": "online"}]}
    host = ScriptHost(ScriptSettings(files=[str(path)]), asterisks, tmp_path / "state")
    host.load()
    with capture_logs() as logs:
        await exercise(host)
    await host.close()
    assert not [line for line in logs if line["event"] == "script.error"]


async def exercise(host: ScriptHost) -> None:
    client = ScriptClient()
    await host.on_connect(client)
    for cmd in COMMANDS:
        try:
            await host.on_command(client, cmd)
        except Problem as problem:
            if problem.code != "denied":
                raise
    host.on_event("pbx", {"type": "StasisStart"})
    if host.has("on_message"):
        await host.on_message(client, {"some": "data"})
    await host.on_disconnect(client, "left")


def test_the_guide_names_every_setting_with_its_default() -> None:
    text = GUIDE.read_text("utf-8")
    defaults = ScriptSettings()
    assert f"`scripts.budget_ms` | {defaults.budget_ms} ms" in text
    assert f"`scripts.hook_seconds` | {defaults.hook_seconds:g} s" in text
    assert f"`scripts.memory_mb` | {defaults.memory_mb} MiB" in text
    assert f"`scripts.kv_mb` | {defaults.kv_mb} MiB" in text


async def test_the_first_script_does_what_the_guide_says(tmp_path: Path, asterisks: RecordingAsterisks) -> None:
    (tmp_path / "office.lua").write_text(BLOCKS[0])
    host = load_host(asterisks, tmp_path / "office.lua")
    with pytest.raises(Problem, match="front desk"):
        await host.on_command(ScriptClient(), COMMANDS[1])
    assert await host.on_command(ScriptClient(), COMMANDS[0]) is COMMANDS[0]
