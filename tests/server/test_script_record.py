"""`aribridge script record` at a real gateway and a real Asterisk, and the recording replayed by `script test`."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from real.gateway import target
from real.wait import until
from real.wsclient import greeted

from aribridge.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from real.gateway import Gateway, Gateways

SCRIPT = """\
local ari = require "ari"

function accepts(call) return call.args[1] == "menu" end

function on_call(call)
  call:answer()
  call:set("SECRET_PLACE", "behind the mirror")
  local pin = call:read{ prompt = "sound:beep", max = 4, timeout = 5 }
  if pin ~= "4711" then return call:hangup("busy") end
  local ok, problem = pcall(ari.channels.get, { channelId = "nobody" })
  call:set("SEEN", problem.status)
  call:dial("Local/600@default/n", { timeout = 5 })
end
"""
TESTS = """\
function test_the_right_pin()
  local call = T.replay("right.jsonl", { digits = "4711" }):finish()[1]
  T.equal(call:variable("SEEN"), "404")
  T.equal(T.dialled()[1].endpoint, "Local/600@default/n")
end

function test_a_wrong_pin()
  local call = T.replay("wrong.jsonl", { digits = "9" }):finish()[1]
  T.equal(call:ended().cause, "busy")
end
"""


@pytest.fixture
def state(gateways: Gateways) -> str:
    return gateways.short_state()


class Recording:
    """`aribridge script record`, until it is interrupted."""

    def __init__(self, gateway: Gateway, file: Path) -> None:
        self._gateway = gateway
        self.file = file
        self.interrupts = True

    async def __aenter__(self) -> Recording:
        words = ("script", "record", "menu.lua", str(self.file), "-c", str(self._gateway.config))
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aribridge", *words), stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        await until(lambda: self.file.exists() and self.file.stat().st_size, what="the first line is there")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.interrupts:
            self._process.send_signal(signal.SIGINT)
        output, _ = await asyncio.wait_for(self._process.communicate(), 30)
        self.output = output.decode()
        assert self._process.returncode == 0, self.output

    def lines(self) -> list[dict[str, Any]]:
        """The whole ones; half a one may be there before the end."""
        return [json.loads(line) for line in self.file.read_text().rpartition("\n")[0].splitlines()]

    def has_end(self, channel: str) -> bool:
        """Whether the last event of a channel was written."""
        ends = (line["event"] for line in self.lines() if line.get("event", {}).get("type") == "ChannelDestroyed")
        return any(one["channel"]["id"] == channel for one in ends)


def told(gateway: Gateway, event: str) -> int:
    return sum(event in line for line in gateway.log)


async def call(client: Any, gateway: Gateway, recording: Recording, digits: str) -> None:
    """A call whose other half presses digits, until its flow is over, and is recorded to its end."""
    ended, started = told(gateway, "flow.ended"), told(gateway, "flow.started")
    params = {"endpoint": "Local/600@default/n", "appArgs": "menu"}
    made = (await client.ask(type="request", op="channels.originate", params=params, flow=True))["body"]
    await until(lambda: told(gateway, "flow.started") > started, what="the flow has the call")
    for digit in digits:
        # The other half is in Echo(), which sends digits back to where they came from.
        press = {"channelId": made["id"], "dtmf": digit}
        assert (await client.ask(type="request", op="channels.sendDTMF", params=press))["status"] == 204
    if digits == "4711":
        await until(lambda: bridged(client), what="the other party is there")
        await client.request("DELETE", f"/channels/{made['id']}")
    await until(lambda: told(gateway, "flow.ended") > ended, what="the flow is over")
    await until(lambda: recording.has_end(made["id"]), what="its end is recorded")


async def invoke(*words: str) -> Result:
    """Run a command beside this event loop."""
    return await asyncio.to_thread(CliRunner().invoke, main, words)


async def bridged(client: Any) -> bool:
    bridges = (await client.ask(type="request", op="bridges.list"))["body"]
    return any(len(bridge["channels"]) == 2 for bridge in bridges if bridge["bridge_type"] == "mixing")


async def test_a_real_call_is_recorded_without_secrets_and_replayed(gateways, asterisk22, tmp_path, state):
    script = tmp_path / "menu.lua"
    script.write_text(SCRIPT)
    gateway = await gateways.start(target(asterisk22), scripts={"files": [str(script)]}, state=state)
    async with greeted(gateway.url, gateway.token()) as client:
        async with Recording(gateway, tmp_path / "right.jsonl") as right:
            await call(client, gateway, right, "4711")
        async with Recording(gateway, tmp_path / "wrong.jsonl") as wrong:
            await call(client, gateway, wrong, "9")
    assert stat.S_IMODE(right.file.stat().st_mode) == 0o600
    assert f"{len(right.lines())} lines in {right.file}" in right.output
    text = right.file.read_text()
    assert [
        secret for secret in ("4711", "behind the mirror", asterisk22.password_file.read_text()) if secret in text
    ] == []
    head, *lines = right.lines()
    assert (head["format"], head["script"]) == (1, "menu.lua")
    assert next(line["event"]["type"] for line in lines if "event" in line) == "StasisStart"
    digits = [line["event"]["digit"] for line in lines if line.get("event", {}).get("type") == "ChannelDtmfReceived"]
    assert digits == ["x"] * 4

    (tmp_path / "menu_test.lua").write_text(TESTS)
    result = await invoke("script", "test", str(script))
    assert (result.exit_code, "2 passed" in result.output) == (0, True), result.output

    script.write_text(SCRIPT.replace("sound:beep", "sound:boop"))
    result = await invoke("script", "test", str(script))
    assert 'right.jsonl has no channels.playWithId {"' in result.output
    assert result.exit_code == 1


async def test_what_cannot_be_recorded(gateways, asterisk22, tmp_path, state):
    script = tmp_path / "menu.lua"
    script.write_text(SCRIPT)
    gateway = await gateways.start(target(asterisk22), scripts={"files": [str(script)]}, state=state)
    config = ["-c", str(gateway.config)]
    async with Recording(gateway, tmp_path / "a.jsonl") as recording:
        result = await invoke("script", "record", "menu.lua", str(tmp_path / "a.jsonl"), *config)
        assert (result.exit_code, "File exists" in result.output) == (1, True)
        other = tmp_path / "b.jsonl"
        result = await invoke("script", "record", "none.lua", str(other), *config)
        assert "No script is called none.lua. There are: menu.lua." in result.output
        assert not other.exists()
        recording.interrupts = False
        await gateway.stop()
    assert "The gateway has ended the recording." in recording.output
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 1
