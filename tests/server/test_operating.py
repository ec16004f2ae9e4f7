"""What an operator does to a gateway that runs: `aribridge status`, `kick`, `drain`, `call`, `tail` and the like."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import aiohttp
import pytest
from real.gateway import target
from real.machine import family, kill
from real.wait import until
from real.wsclient import connect, greeted

OPERATORS_OWN = (("GET", "/v1/status"), ("GET", "/v1/connections"), ("POST", "/v1/drain"), ("GET", "/v1/tail"))
PIPE = asyncio.subprocess.PIPE


@pytest.fixture
async def running(gateways, asterisk22):
    return await gateways.start(target(asterisk22), state=gateways.short_state())


async def started(gateway, command, *arguments):
    program = (sys.executable, "-m", "aribridge", command, *arguments, "-c", str(gateway.config))
    return await asyncio.create_subprocess_exec(*program, stdout=PIPE, stderr=PIPE)


async def aribridge(gateway, command, *arguments):
    """Run a command: exit code and what it printed."""
    process = await started(gateway, command, *arguments)
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, (output + errors).decode()


@asynccontextmanager
async def tailing(gateway, *arguments):
    """What `aribridge tail` printed so far, as messages."""
    before = await views(gateway)
    process = await started(gateway, "tail", *arguments)
    told = []

    async def read():
        while line := await process.stdout.readline():
            told.append(json.loads(line))

    reading = asyncio.create_task(read())
    try:
        await until(lambda: more_than(before, gateway), what="the view is open")
        yield told
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
    finally:
        kill(family(process.pid))
        await reading


async def views(gateway):
    return (await report(gateway))["targets"][0]["views"]


async def more_than(before, gateway):
    return await views(gateway) > before


async def report(gateway):
    socket = aiohttp.UnixConnector(str(gateway.state / "admin.sock"))
    async with aiohttp.ClientSession(connector=socket) as http, http.get("http://gateway/v1/status") as response:
        return await response.json()


async def test_who_is_there_and_how_to_send_one_away(running):
    async with connect(running.url, bearer=running.token(tenant="acme")) as client:
        await client.ask(type="subscribe", sub=1)
        code, output = await aribridge(running, "connections", "--json")
        (told,) = json.loads(output)["connections"]
        assert (code, told["user"]["sub"], told["carrier"], told["subscriptions"]) == (0, "alice", "websocket", 1)
        assert told["peer"] == "127.0.0.1"
        code, output = await aribridge(running, "connections")
        assert f"{told['connection']}  alice@acme  websocket" in output

        code, output = await aribridge(running, "status", "--json")
        assert code == 0
        status = json.loads(output)
        assert (status["connections"], status["pid"]) == ({"websocket": 1}, running.pid)
        assert status["targets"][0]["up"]
        code, output = await aribridge(running, "status")
        assert code == 0
        assert "pbx: up, Asterisk 22" in output
        assert f"server.listen: 127.0.0.1:{running.port}" in output

        code, output = await aribridge(running, "kick", "c_nobody")
        assert (code, "No connection has this id" in output) == (1, True)
        code, output = await aribridge(running, "kick", "..")
        assert (code, "does not know this request" in output, "Is it running" in output) == (1, True, False)
        code, output = await aribridge(running, "kick", told["connection"], "--reason", "maintenance")
        assert code == 0, output
        goodbye = await client.goodbye()
        assert {name: goodbye[name] for name in ("slug", "code", "reconnect", "detail")} == {
            "slug": "kicked",
            "code": 4011,
            "reconnect": "never",
            "detail": "maintenance",
        }
    assert any("operator.kick" in line and told["connection"] in line for line in running.log)


async def test_a_request_by_hand_and_the_stream_that_shows_it(running):
    code, output = await aribridge(running, "call", "get", "/asterisk/info", "only=system")
    assert code == 0, output
    assert json.loads(output)["system"]["version"].startswith("22")
    async with tailing(running, "--type", "Channel*") as events, tailing(running, "--state") as changes:
        body = json.dumps({"variables": {"PLANTED": "hush-hush"}})
        endpoint = ("endpoint=Local/600@default", "channelId=by-hand")
        code, output = await aribridge(running, "call", "POST", "/channels", *endpoint, "--body", body)
        assert code == 0, output
        assert json.loads(output)["id"] == "by-hand"
        await until(lambda: any(one.get("data", {}).get("type") == "ChannelCreated" for one in events))
        await until(lambda: any(one["type"] == "patch" and "by-hand" in json.dumps(one) for one in changes))
        code, output = await aribridge(running, "call", "DELETE", "/channels/by-hand")
        assert (code, output) == (0, "")
        await until(lambda: any(one.get("data", {}).get("type") == "ChannelDestroyed" for one in events))
    assert {one["type"] for one in events} == {"event"}
    assert all(one["data"]["type"].startswith("Channel") for one in events)

    code, output = await aribridge(running, "call", "GET", "/channels/by-hand")
    assert (code, "404 asterisk_error (not_applied)" in output) == (1, True), output
    code, output = await aribridge(running, "call", "GET", "/nonsense")
    assert (code, "unknown_operation" in output) == (1, True), output
    code, output = await aribridge(running, "tail", "--target", "pbx2")
    assert (code, "No Asterisk is named" in output) == (1, True), output
    called = [json.loads(line) for line in running.log if "operator.call" in line]
    assert [(one["method"], one["status"]) for one in called][:3] == [("GET", 200), ("POST", 200), ("DELETE", 204)]
    assert not any("hush-hush" in line for line in running.log)
    await until(lambda: nobody_looks(running), what="both views are closed")


async def nobody_looks(gateway):
    return await views(gateway) == 0


async def test_the_level_of_the_log(running):
    code, output = await aribridge(running, "log-level", "debug")
    assert (code, output.strip()) == (0, "info before, debug now")
    code, output = await aribridge(running, "log-level", "error")
    assert (code, output.strip()) == (0, "debug before, error now")
    before = len(running.log)
    async with greeted(running.url, running.token()):
        pass
    assert len(running.log) == before
    assert (await aribridge(running, "log-level", "loud"))[0] == 2


async def test_a_planned_stop_ends_a_tail_too(running):
    async with greeted(running.url, running.token()) as client:
        process = await started(running, "tail")
        await until(lambda: views(running), what="the view is open")
        code, output = await aribridge(running, "drain")
        assert code == 0, output
        goodbye = await client.goodbye()
        assert goodbye["slug"] == "draining"
        await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0
    await running.ended()
    assert "gateway.stopped" in running.log[-1]
    code, output = await aribridge(running, "status")
    assert (code, "Is it running" in output) == (1, True)


async def test_nothing_of_it_is_on_the_network(running):
    async with aiohttp.ClientSession() as http:
        for base in (running.url, running.admin_url):
            for method, path in OPERATORS_OWN:
                async with http.request(method, base + path) as response:
                    assert response.status == 404


async def test_a_configuration_that_is_wrong_by_now_keeps_nobody_from_a_gateway_that_runs(running):
    text = running.config.read_text()
    running.config.write_text(f"{text}\n[limits]\ninflihgt = 2\n[auth.claims]\nops = 3\n")
    async with connect(running.url, bearer=running.token()) as client:
        code, output = await aribridge(running, "status")
        assert (code, "pbx: up" in output) == (0, True), output
        code, output = await aribridge(running, "reload")
        assert code == 0, output
        code, output = await aribridge(running, "token", "revoke", "--sub", "alice")
        assert (code, output) == (0, "revoked; 1 connections and sessions closed\n")
        assert (await client.goodbye())["slug"] == "unauthorized"
    code, output = await aribridge(running, "status", "--set", "sate=/tmp")
    assert (code, output) == (1, "--set: sate: unknown key. Did you mean state?\n")
    running.config.write_text(f"state = 3\n{text.replace('state', 'listen', 1)}")
    code, output = await aribridge(running, "status")
    assert (code, "state: expected text in quotes, got 3" in output) == (1, True), output


async def test_a_reload_says_which_scripts_wait_for_a_restart(running):
    script = running.folder / "late.lua"
    script.write_text("")
    with running.config.open("a") as file:
        file.write('[scripts]\nfiles = ["stock:main.lua", "late.lua"]\n')
    code, output = await aribridge(running, "reload")
    assert code == 0, output
    assert [line for line in output.splitlines() if line.startswith("not yet")] == [
        f"not yet    {script}: named in scripts.files since the gateway started, a restart loads it"
    ]
