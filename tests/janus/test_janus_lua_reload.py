"""Scripts of Janus loaded anew at a real gateway: by SIGHUP, by `aribridge reload`, and as their files change."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from janus_rig import RawClient
from models.gateway_clients import ari
from real.gateway import target
from real.wait import until

from aribridge.cli.operator import ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from real.gateway import Gateway, Gateways

    from aribridge.asterisk.instance import PrivateAsterisk

PACKAGE = "test.plugin.reloaded"
SCRIPT = """
local json, ari = require "json", require "ari"
local words = require "words"
local VERSION = %d

function getPackage() return "test.plugin.reloaded" end
function init() janusLog(4, "init " .. VERSION) end
function destroy() janusLog(4, "destroy " .. VERSION) end
function createSession(id) end
function destroySession(id) janusLog(4, "session over " .. VERSION) end
function querySession(id) end
function setupMedia(id) end
function hangupMedia(id) end
function resumeScheduler() end

function handleMessage(id, transaction, text)
  local message = json.decode(text)
  if message.fail then error("on purpose") end
  if message.call then
    local made = ari.channels.originate { endpoint = message.call }
    janusLog(3, "called " .. words.who)
    if message.break_it then error("after the call " .. made.id) end
    return 0, json.encode { id = made.id }
  end
  return 0, json.encode { version = VERSION }
end
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    (tmp_path / "words.lua").write_text('return { who = "alice" }')
    file = tmp_path / "plugin.lua"
    file.write_text(SCRIPT % 1)
    return file


@pytest.fixture
def state() -> Any:
    """A folder with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ab-") as folder:
        yield Path(folder) / "state"


@pytest.fixture
async def gateway(gateways: Gateways, asterisk22: PrivateAsterisk, plugin: Path, state: Path) -> Gateway:
    lua = [{"script": str(plugin)}]
    return await gateways.start(target(asterisk22), scripts={"files": []}, janus={"lua": lua}, state=str(state))


@asynccontextmanager
async def client_of(gateway: Gateway) -> AsyncIterator[RawClient]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(gateway.ws_url, protocols=["janus-protocol"]) as ws,
    ):
        yield RawClient(ws, {"token": gateway.token()})


async def session(client: RawClient) -> Callable[..., Any]:
    """A session of the plugin; what its messages are answered."""
    handle = await client.attach(await client.create(), PACKAGE)

    async def message(**body: Any) -> Any:
        reply = await client.ask("message", **handle, body=body)
        return reply["plugindata"]["data"] if "plugindata" in reply else reply["error"]["reason"]

    message.handle = handle  # type: ignore[attr-defined]
    return message


def replace(file: Path, text: str) -> None:
    """As editors do it: nobody reads half of it."""
    written = file.with_suffix(".new")
    written.write_text(text)
    written.replace(file)


def told(gateway: Gateway, text: str) -> int:
    return sum(text in line for line in gateway.log)


async def hang_up(gateway: Gateway, event: str = "scripts.reloaded") -> None:
    """SIGHUP, until the log says what came of it."""
    before = told(gateway, event)
    os.kill(gateway.pid, signal.SIGHUP)
    await until(lambda: told(gateway, event) > before, what=event)


async def run(gateway: Gateway, *command: str) -> tuple[int, str]:
    """Run `aribridge`: exit code and output, errors included."""
    words = (sys.executable, "-m", "aribridge", *command, "-c", str(gateway.config))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


async def test_sessions_stay_on_the_version_that_they_began_on(gateway, plugin):
    async with client_of(gateway) as client:
        first = await session(client)
        assert await first() == {"version": 1}
        plugin.write_text(SCRIPT % 2)
        await hang_up(gateway)
        second = await session(client)
        assert (await first(), await second()) == ({"version": 1}, {"version": 2})
        assert told(gateway, "init 2") == 1
        assert told(gateway, "destroy 1") == 0

        await client.ask("detach", **first.handle)
        await until(lambda: told(gateway, "destroy 1"), what="the first version is destroyed")
        assert told(gateway, "session over 1") == 1
        assert await second() == {"version": 2}
        assert told(gateway, "destroy 2") == 0
    await gateway.stop()
    assert [told(gateway, f"destroy {version}") for version in (1, 2)] == [1, 1]


BROKEN = {
    "plugin.lua:3: ": "\nfunction init(\n",
    "plugin.lua:7: no init": (SCRIPT % 2).replace('janusLog(4, "init " .. VERSION)', 'error("no init")'),
    "getPackage returned test.plugin.other": (SCRIPT % 2).replace("plugin.reloaded", "plugin.other"),
    "has to define destroy": (SCRIPT % 2).replace("function destroy(", "function destory("),
}


async def test_a_version_that_does_not_load_changes_nothing(gateways, asterisk22, plugin, state):
    other = plugin.with_name("office.lua")
    other.write_text("function on_message() return 1 end")
    gateway = await gateways.start(
        target(asterisk22),
        janus={"lua": [{"script": str(plugin)}]},
        scripts={"files": [str(other)]},
        state=str(state),
    )
    other.write_text("function on_command(conn, cmd) return cmd end")
    for why, source in BROKEN.items():
        plugin.write_text(source)
        code, output = await run(gateway, "reload")
        assert (code, why in output, "Nothing has changed" in output) == (1, True, True), output
    reports = {report["script"]: report for report in await scripts(state)}
    assert reports["office.lua"]["hooks"] == ["on_message"]
    async with client_of(gateway) as client:
        assert await (await session(client))() == {"version": 1}

    plugin.write_text(SCRIPT % 3)
    other.write_text("function on_command(")
    code, output = await run(gateway, "reload")
    assert (code, "office.lua:1: " in output) == (1, True), output
    await until(lambda: told(gateway, "destroy 3"), what="what was prepared is dropped")
    async with client_of(gateway) as client:
        assert await (await session(client))() == {"version": 1}


async def scripts(state: Path) -> list[dict[str, Any]]:
    answer = await asyncio.to_thread(ask, state / "admin.sock", "GET", "/v1/scripts")
    return answer.body["scripts"]


async def test_reload_and_scripts_tell_what_there_is(gateway, plugin, state):
    words = plugin.with_name("words.lua")
    words.write_text('return { who = "bob" }')
    code, output = await run(gateway, "reload")
    secrets = [f"as before  {gateway.folder / name}" for name in ("signing.key", "api.secret")]
    assert (code, output.splitlines()) == (0, [f"as before  {plugin}", f"changed    {words}", *secrets])
    async with client_of(gateway) as client:
        message = await session(client)
        await message()
        assert "on purpose" in await message(fail=True)
        (report,) = await scripts(state)
        assert report["runs"]["handleMessage"] == {"runs": 2, "failures": 1}
        assert (report["failures"], report["package"], report["earlier"]) == (1, PACKAGE, 0)
        assert report["errors"][0]["where"] == "plugin.lua:18"
        assert 0 < report["memory"] < 64 << 20
        code, output = await run(gateway, "scripts")
        assert code == 0, output
        head, line, error = output.splitlines()
        assert head.split() == ["SCRIPT", "RUNS", "FAILED", "MEMORY", "HOOKS"]
        assert line.startswith("plugin.lua ")
        assert "handleMessage 2" in line
        assert error.endswith("handleMessage: plugin.lua:18: on purpose")

        plugin.write_text(SCRIPT % 2)
        await hang_up(gateway)
        code, output = await run(gateway, "scripts")
        assert "1 earlier versions still have sessions" in output
    name = 'aribridge_script_runs_total{hook="handleMessage",outcome="%s",script="plugin.lua"}'
    metrics = await gateway.metrics()
    assert [metrics[name % outcome] for outcome in ("ok", "error")] == [1, 1]


async def test_what_a_script_does_about_a_call_is_in_its_trace(gateway, asterisk22):
    async with client_of(gateway) as client:
        message = await session(client)
        made = (await message(call="Local/600@default"))["id"]
        reason = await message(call="Local/600@default", break_it=True)
        broken = reason.rpartition(" ")[2]
    async with ari(asterisk22) as call:
        for channel in (made, broken):
            await call("DELETE", f"/channels/{channel}")
    code, output = await run(gateway, "trace", made)
    assert code == 0, output
    assert "command channels.originate endpoint=Local/600@default" in output
    assert "plugin.lua warning: called alice" in output
    assert "after the call" not in output
    code, output = await run(gateway, "trace", broken)
    assert f"error   handleMessage: plugin.lua:22: after the call {broken}" in output


async def test_files_are_watched_in_development(gateways, asterisk22, plugin, state):
    lua = [{"script": str(plugin)}]
    gateway = await gateways.start(target(asterisk22), janus={"lua": lua}, state=str(state), dev=True)
    async with client_of(gateway) as client:
        replace(plugin.with_name("words.lua"), 'return { who = "carol" }')
        await until(lambda: told(gateway, "scripts.reloaded") == 1, what="the module's change is seen")
        replace(plugin, SCRIPT % 2)
        await until(lambda: told(gateway, "scripts.reloaded") == 2, what="the script's change is seen")
        assert await (await session(client))() == {"version": 2}
