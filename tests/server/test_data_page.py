"""docs/data.md tells every file: a gateway that uses everything, and the commands, leave none that is not in it."""

import asyncio
import os
import re
import signal
import stat
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from pathlib import Path

import aiohttp
import pytest
from real.dialling import dialling
from real.gateway import target
from real.machine import ROOT, family, kill
from real.wait import until
from real.wsclient import greeted

PAGE = (ROOT / "docs/data.md").read_text()
SCRIPT = """\
local bridge = require "bridge"

function on_command(conn, cmd)
  bridge.kv.set("last", cmd.op)
  return cmd
end

function on_call(call)
  call:answer()
  call:save { step = 1 }
  bridge.sleep(60)
end

function on_resume(call) end
"""


def told():
    """Patterns of files with the mode that the page tells; folders end with a slash."""
    for names, mode in re.findall(r"^\| (`.+?`) \| (\d{4}|as umask says) \|", PAGE, re.MULTILINE):
        for name in re.findall(r"`(.+?)`", names):
            yield re.sub(r"<\w+>", "*", name), None if mode.startswith("as") else int(mode, 8)


TOLD = dict(told())


def fault(path, folder, inside=""):
    """What is wrong with a file in a folder, by the page."""
    name = inside + str(path.relative_to(folder))
    found = [mode for pattern, mode in TOLD.items() if fnmatchcase(name, pattern)]
    if not found:
        return f"{name} is not in docs/data.md"
    mode = stat.S_IMODE(path.stat().st_mode)
    return None if found[0] in {None, mode} else f"{name} has mode {mode:o}"


def faults(folder, inside=""):
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode != 0o700:
                yield f"{path} has mode {mode:o}"
        elif path.exists() and (text := fault(path, folder, inside)):
            yield text


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def open_umask():
    """Nothing must be readable by others because the admin forgot the umask."""
    before = os.umask(0)
    yield
    os.umask(before)


async def test_a_gateway_that_uses_everything(gateways, tmp_path, open_umask):
    script = tmp_path / "keeps.lua"
    script.write_text(SCRIPT)
    state = Path(gateways.short_state())
    earlier = state / "audit/audit.jsonl"
    earlier.parent.mkdir(parents=True, mode=0o700)
    os.chmod(state, 0o700)
    earlier.touch(0o600)
    earlier.write_text('{"kind":"gateway"}\n')
    os.utime(earlier, (time.time() - 86_400,) * 2)
    async with dialling() as pbx:
        gateway = await pbx.gateway(gateways, state=str(state), scripts={"files": [str(script)]})
        async with greeted(gateway.url, gateway.token()) as client:
            params = {"endpoint": "Local/600@default"}
            made = await client.ask(type="request", op="channels.originate", params=params, flow=True)
            assert made["status"] == 200, made
            async with recording(gateway, tmp_path / "taken-down.jsonl"):
                await client.request("POST", f"/channels/{made['body']['id']}/hold")
            await revoke(state)
            await until(lambda: "revoke" in str(gateway.audit), what="the audit log has its lines")
            assert [*faults(state)] == []
            running = names(state)
            await client.request("DELETE", f"/channels/{made['body']['id']}")
        await gateway.stop()
    assert [*faults(state)] == []
    found = running | names(state)
    assert fault(tmp_path / "taken-down.jsonl", tmp_path) is None
    for pattern in ("instance", "admin.sock", "revoked.json", "audit/audit.jsonl", "audit/audit-*.jsonl"):
        assert any(fnmatchcase(name, pattern) for name in found), (pattern, found)
    assert {"kv.sqlite3", "kv.sqlite3-wal", "kv.sqlite3-shm", "streams/pbx.stream"} <= found


async def revoke(state):
    connector = aiohttp.UnixConnector(str(state / "admin.sock"))
    order = {"sub": "mallory", "seconds": 60}
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post("http://gateway/v1/revoke", json=order) as answer,
    ):
        assert answer.status == 200


@asynccontextmanager
async def recording(gateway, file):
    """`aribridge script record` while this lasts."""
    command = ("script", "record", "keeps.lua", str(file), "-c", str(gateway.config))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "aribridge", *command)
    try:
        await until(lambda: file.exists() and file.stat().st_size, what="the recording has begun")
        yield
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 30)
    finally:
        kill(family(process.pid))


async def test_a_development_run(gateways, asterisk22, open_umask):
    gateway = await gateways.start(target(asterisk22), dev=True)
    folder = gateway.folder / ".aribridge"
    assert fault(folder / "dev.key", gateway.folder) is None
    assert stat.S_IMODE((folder / "state").stat().st_mode) == TOLD[".aribridge/state/"]
    assert [*faults(folder / "state")] == []
    assert {path.name for path in folder.iterdir()} == {"dev.key", "state"}
    assert stat.S_IMODE(asterisk22.folder.stat().st_mode) == TOLD[".aribridge/asterisk/"]


def test_files_that_init_writes(tmp_path, open_umask):
    command = (sys.executable, "-m", "aribridge", "init", "--folder", str(tmp_path))
    subprocess.run(command, check=True, capture_output=True)
    assert names(tmp_path) == {"aribridge.toml", "asterisk.password", "signing.key"}
    assert [fault(path, tmp_path) for path in tmp_path.iterdir()] == [None] * 3


async def test_a_number_is_erased_as_the_page_says_while_the_gateway_runs(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22))
    async with greeted(gateway.url, gateway.token()) as client:
        await client.request("POST", "/channels", query={"endpoint": "PJSIP/200"})
        await until(lambda: "PJSIP/200" in str(gateway.audit), what="the number is in the log")
        folder = gateway.state / "audit"
        (folder / "audit.jsonl").rename(folder / "audit-20260101T000000.000000Z.jsonl")
        await client.request("PUT", "/deviceStates/Stasis:x", query={"deviceState": "BUSY"})
        await until((folder / "audit.jsonl").exists, what="the gateway goes on in a new file")
    assert "audit-20260101T000000.000000Z.jsonl" in erase(folder)
    assert "PJSIP/200" not in (folder / "audit-20260101T000000.000000Z.jsonl").read_text()
    assert stat.S_IMODE((folder / "audit-20260101T000000.000000Z.jsonl").stat().st_mode) == 0o600


def erase(folder):
    """Run the page's commands; what they print."""
    commands = re.search(r"```sh\s+cd [^\n]+\n(.*?)```", PAGE, re.DOTALL)[1]
    return subprocess.run(["sh", "-e", "-c", commands], cwd=folder, check=True, capture_output=True, text=True).stdout
