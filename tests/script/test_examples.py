"""Each script under lua/examples does what its first line says."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from real.wait import until
from script_parts import RecordingAsterisks, ScriptClient, command, load_host

from aribridge.protocol.problems import Problem
from aribridge.script.stock import lua_folder


async def test_deny_hangup(asterisks: RecordingAsterisks) -> None:
    host = load_host(asterisks, "stock:examples/deny_hangup.lua")
    agent, supervisor = ScriptClient("c_1", "agent"), ScriptClient("c_2", "agent", "supervisor")
    hangup, answer = command("channels.hangup", channelId="1.2"), command("channels.answer", channelId="1.2")
    with pytest.raises(Problem) as problem:
        await host.on_command(agent, hangup)
    assert (problem.value.code, problem.value.detail) == ("denied", "only supervisors hang up calls")
    assert await host.on_command(agent, answer) is answer
    assert await host.on_command(supervisor, hangup) is hangup


async def test_rewrite_callerid(asterisks: RecordingAsterisks, client: ScriptClient) -> None:
    host = load_host(asterisks, "stock:examples/rewrite_callerid.lua")
    changed = await host.on_command(client, command("channels.originate", endpoint="PJSIP/200", callerId="me"))
    assert changed == command("channels.originate", endpoint="PJSIP/200", callerId="ACME <+43155512>")
    other = command("channels.list")
    assert await host.on_command(client, other) is other


async def test_enrich_event(asterisks: RecordingAsterisks) -> None:
    host = load_host(asterisks, "stock:examples/enrich_event.lua")
    event = {"type": "StasisStart", "args": [], "channel": {"id": "1.2", "caller": {"name": "", "number": "200"}}}
    assert host.on_event("pbx", event) == event | {"caller_name": "Alice Baker"}
    event["channel"]["caller"]["number"] = "999"  # type: ignore[index]
    assert host.on_event("pbx", event) == event | {"caller_name": "unknown"}
    other = {"type": "StasisEnd"}
    assert host.on_event("pbx", other) is other


async def test_answer_message(asterisks: RecordingAsterisks, client: ScriptClient) -> None:
    host = load_host(asterisks, "stock:examples/answer_message.lua")
    asterisks.answers["channels.list"] = [{"id": "1.2"}, {"id": "1.3"}]
    assert await host.on_message(client, {"ask": "calls"}) == {"calls": 2}
    assert await host.on_message(client, {"ask": "else"}) is None
    asterisks.answers["channels.list"] = Problem("target_down", "no link to pbx")
    assert await host.on_message(client, {"ask": "calls"}) == {"error": "no link to pbx (target_down)"}


async def test_tenant_rules(asterisks: RecordingAsterisks, client: ScriptClient) -> None:
    host = load_host(asterisks, "stock:examples/tenant_rules.lua")
    own, trunk = (
        command("channels.originate", endpoint="PJSIP/acme-7"),
        command("channels.originate", endpoint="tel:+49301"),
    )
    assert await host.on_command(client, own) is own
    changed = await host.on_command(client, trunk)
    assert changed == command("channels.originate", endpoint="PJSIP/+49301@acme-trunk", callerId="+43155512")
    with pytest.raises(Problem, match="not one of acme"):
        await host.on_command(client, command("channels.originate", endpoint="PJSIP/globex-7"))


async def test_caller_lookup(tmp_path: Path, asterisks: RecordingAsterisks) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"name": f"Alice {request.match_info['number']}"})

    app = web.Application()
    app.router.add_get("/callers/{number}", answer)
    async with TestServer(app) as server:
        source = (lua_folder() / "examples" / "caller_lookup.lua").read_text()
        (tmp_path / "caller_lookup.lua").write_text(source.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}"))
        host = load_host(asterisks, tmp_path / "caller_lookup.lua", http_allow=["127.0.0.1:*"])
        event = {"type": "StasisStart", "args": [], "channel": {"id": "1.2", "caller": {"name": "", "number": "+43 1"}}}
        assert host.on_event("pbx", event) == event
        await until(lambda: asterisks.published, what="CallerLookup")
        await host.close()
    assert asterisks.published == [
        ("pbx", {"type": "CallerLookup", "channel": {"id": "1.2"}, "caller": {"name": "Alice 431"}})
    ]


FLOWS = Path(__file__).parents[1] / "e2e" / "test_flow_examples.py"


async def test_every_example_is_tested_here_or_with_real_calls_and_they_work_as_one_chain(
    asterisks: RecordingAsterisks,
) -> None:
    names = sorted(path.stem for path in (lua_folder() / "examples").glob("*.lua"))
    assert all(f"test_{name}" in globals() or f'"{name}"' in FLOWS.read_text() for name in names)
    load_host(asterisks, *(f"stock:examples/{name}.lua" for name in names))
