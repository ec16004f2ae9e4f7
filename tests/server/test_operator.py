"""The operator's socket and `aribridge trace`, at a real gateway and a real Asterisk."""

import asyncio
import json
import os
import stat
import sys
from pathlib import Path

import aiohttp
import pytest
from real.gateway import target
from real.wait import until
from real.wsclient import greeted

SCRIPT = """\
local bridge = require "bridge"

function on_command(conn, cmd)
  if cmd.op == "channels.ring" then return bridge.deny("no ringing") end
  bridge.log("info", "looked at " .. cmd.op)
  return cmd
end

function on_call(call)
  call:answer()
  bridge.log("warning", "pin?", { token = "hush" })
  bridge.sleep(50)
  local missing = call.missing.field
end
"""


async def ask(socket, method, path):
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as http,
        http.request(method, f"http://gateway{path}") as response,
    ):
        return response.status, await response.json()


async def trace(*arguments):
    """Run `aribridge trace`: exit code, output, errors."""
    command = (sys.executable, "-m", "aribridge", "trace", *arguments)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, output.decode(), errors.decode()


@pytest.fixture
def state(gateways):
    return Path(gateways.short_state())


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "traced.lua"
    file.write_text(SCRIPT)
    return file


@pytest.fixture
async def traced(gateways, asterisk22, script, state):
    return await gateways.start(target(asterisk22), scripts={"files": [str(script)]}, state=str(state))


async def test_the_trace_of_a_call_has_all_that_happened_to_it(traced, state):
    async with greeted(traced.url, traced.token()) as client:
        params = {"endpoint": "Local/600@default"}
        made = (await client.ask(type="request", op="channels.originate", params=params, flow=True))["body"]["id"]
        assert (await client.ask(type="request", op="channels.ring", params={"channelId": made}))["status"] == 403
        await until(lambda: any("flow.ended" in line for line in traced.log), what="the flow is over")
        await client.request("DELETE", f"/channels/{made}")
    await until_traced(state, made, "ChannelDestroyed")
    code, output, errors = await trace(made, "-c", str(traced.config))
    assert code == 0, errors
    head, *lines = output.splitlines()
    assert made in head
    assert head.startswith("pbx: ")
    times = [line.split()[0] for line in lines]
    assert times == sorted(times)
    told = "\n".join(line.split(maxsplit=1)[1] for line in lines)
    for wanted in (
        "command channels.originate endpoint=Local/600@default",
        "command channels.ring by alice: 403 denied",
        "event   StasisStart Local/600@default-",
        ";2",
        "command channels.answer by script: 204",
        "log     traced.lua warning: pin?",
        "error   on_call: traced.lua:13: attempt to index a nil value",
        "command channels.continueInDialplan",
        "event   ChannelDestroyed",
    ):
        assert wanted in told, (wanted, output)
    assert "hush" not in output

    code, output, _ = await trace(made, "--json", "-c", str(traced.config))
    report = json.loads(output)
    assert (code, report["target"], report["left_out"]) == (0, "pbx", 0)
    assert len(report["channels"]) >= 2
    assert report["entries"][0].keys() == {"at", "what", "text"}


async def until_traced(state, channel, text):
    async def there():
        _, report = await ask(state / "admin.sock", "GET", f"/v1/trace/{channel}")
        return any(text in entry["text"] for entry in report.get("entries", ()))

    await until(there, what=f"{text} in the trace")


async def test_unknown_calls_and_several_that_begin_alike(traced, state):
    code, _, errors = await trace("no-such-call", "-c", str(traced.config))
    assert (code, "Nothing is known of a call" in errors) == (1, True)
    async with greeted(traced.url, traced.token()) as client:
        for ident in ("alike-1", "alike-2"):
            params = {"endpoint": "Local/600@default", "channelId": ident}
            assert (await client.ask(type="request", op="channels.originate", params=params))["status"] == 200
            await until_traced(state, f"{ident};2", "")
        code, _, errors = await trace("alike", "-c", str(traced.config))
        assert (code, errors.splitlines()[1:]) == (1, ["alike-1", "alike-1;2", "alike-2", "alike-2;2"])
        code, output, _ = await trace("alike-2;", "-c", str(traced.config))
        assert (code, output.splitlines()[0]) == (0, "pbx: alike-2, alike-2;2")
        for ident in ("alike-1", "alike-2"):
            await client.request("DELETE", f"/channels/{ident}")


async def test_scripts_are_reloaded_and_reported(traced, state, script):
    socket = state / "admin.sock"
    assert stat.S_IMODE(os.stat(socket).st_mode) == 0o600
    script.write_text(
        "function on_message(conn, data)\n  return data.a.b\nend\nfunction on_command(c, cmd) return cmd end"
    )
    files = [str(script), *(str(traced.folder / name) for name in ("signing.key", "api.secret"))]
    reloaded = await ask(socket, "POST", "/v1/scripts/reload")
    assert reloaded == (200, {"reloaded": True, "files": files, "changed": files[:1]})
    async with greeted(traced.url, traced.token()) as client:
        for _ in range(3):
            await client.ask(type="message", data={})
        await client.ask(type="request", op="asterisk.ping")
    script.write_text("function on_command(\n c, = 1")
    status, body = await ask(socket, "POST", "/v1/scripts/reload")
    assert (status, body["reloaded"], body["error"][:13]) == (409, False, "traced.lua:2:")

    _, body = await ask(socket, "GET", "/v1/scripts")
    (report,) = body["scripts"]
    assert (report["script"], report["file"]) == ("traced.lua", str(script))
    assert report["hooks"] == ["on_command", "on_message"]
    assert report["runs"]["on_message"] == {"runs": 3, "failures": 3}
    assert report["runs"]["on_command"] == {"runs": 1, "failures": 0}
    (error,) = report["errors"]
    assert (report["failures"], error["where"], error["times"]) == (3, "traced.lua:2", 3)
    metrics = await traced.metrics()
    assert metrics['aribridge_script_runs_total{hook="on_message",outcome="error",script="traced.lua"}'] == 3
    assert metrics['aribridge_script_seconds_count{hook="on_command",script="traced.lua"}'] == 1


async def test_no_privileged_route_on_the_network(traced, state):
    assert (await ask(state / "admin.sock", "GET", "/healthz"))[0] == 200
    for path in ("/v1/scripts", "/v1/trace/1"):
        assert (await traced.admin(path))[0] == 404
        async with aiohttp.ClientSession() as http, http.get(traced.url + path) as response:
            assert response.status == 404


async def test_a_socket_that_a_crash_left_is_replaced_and_one_in_use_is_not(traced, gateways, asterisk22, state):
    second = await gateways.start(target(asterisk22), state=str(state))
    assert any("admin.no_socket" in line and "another gateway" in line for line in second.log)
    await second.stop()
    assert (await ask(state / "admin.sock", "GET", "/v1/scripts"))[0] == 200

    await traced.kill()
    assert (state / "admin.sock").exists()
    code, _, errors = await trace("1", "-c", str(traced.config))
    assert (code, "Is it running" in errors) == (1, True)
    await traced.start()
    assert (await ask(state / "admin.sock", "GET", "/v1/scripts"))[0] == 200
    await traced.stop()
    assert not (state / "admin.sock").exists()


async def test_a_path_too_long_for_a_socket_is_told_and_costs_nothing_else(gateways, asterisk22, tmp_path):
    gateway = await gateways.start(target(asterisk22), state=str(tmp_path / ("x" * 100)))
    assert any("admin.no_socket" in line and "107 bytes" in line for line in gateway.log)
    async with greeted(gateway.url, gateway.token()) as client:
        assert (await client.ask(type="request", op="asterisk.ping"))["status"] == 200
