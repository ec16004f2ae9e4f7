"""`aribridge explain`, with a gateway that runs and without."""

import asyncio
import sys

import pytest
from real.gateway import target
from real.wsclient import connect

AGENT = ("--role", "agent", "--sub", "ann", "--endpoint", "Local/600@default")


async def explain(folder, *arguments, stdin=""):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aribridge", "explain", *arguments),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    return process.returncode, out.decode(), err.decode()


async def test_without_a_gateway_the_file_alone_decides(tmp_path):
    code, out, err = await explain(tmp_path, "--set", f"state={tmp_path}", "--role", "viewer", "channels.list")
    assert code == 0
    assert "allowed by roles.viewer (policy.toml:" in out
    assert "No gateway runs" in err
    code, _, err = await explain(tmp_path, "--set", f"state={tmp_path}", "--role", "viewer", "channels.hangup")
    assert code == 1
    assert "denied by no rule: No rule of viewer allows channels.hangup." in err


async def test_the_gateway_that_runs_knows_whose_a_call_is(asterisk22, gateways):
    gateway = await gateways.start(target(asterisk22))
    token = gateway.token(sub="ann", roles=["agent"], ops=None, endpoints=["Local/600@default"])
    async with connect(gateway.url, bearer=token) as ann:
        made = await ann.request("POST", "/channels", query={"endpoint": "Local/600@default"})
        own = f"channelId={made['body']['id']}"
        code, out, _ = await explain(gateway.folder, *AGENT, "channels.hangup", own)
        assert code == 0
        assert "(on = own)" in out
        code, _, err = await explain(gateway.folder, "--role", "agent", "--sub", "bob", "channels.hangup", own)
        assert code == 1
        assert "is not the principal's own" in err
        code, out, _ = await explain(gateway.folder, "--token", "channels.hangup", own, stdin=token)
        assert code == 0, out
        await ann.request("DELETE", f"/channels/{made['body']['id']}")
    code, _, err = await explain(gateway.folder, *AGENT, "channels.hangap")
    assert code == 1
    assert "channels.hangup" in err


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["channels.hangup", "nonsense"], "", 2, "NAME=VALUE"),
        (["--token", "channels.hangup"], "garbage", 1, "not valid"),
    ],
)
async def test_a_question_that_makes_no_sense(tmp_path, arguments, stdin, code, said):
    ended, _, err = await explain(tmp_path, "--set", f"state={tmp_path}", *arguments, stdin=stdin)
    assert ended == code
    assert said in err
