"""Secrets sent through every door, in right places and wrong ones: they come out nowhere."""

import asyncio
import json
import secrets
import sys
from base64 import b64encode
from contextlib import suppress

import aiohttp
import pytest
from real import planted
from real.gateway import target
from real.wait import until
from real.wsclient import greeted

SCRIPT = """\
local bridge = require "bridge"

function on_command(conn, cmd)
  if cmd.op == "channels.ring" then
    bridge.log("warning", "ringing", { password = "SECRET", nested = { { api_key = "SECRET" } } })
    bridge.log("warning", "with token=SECRET in it")
    error("cannot log in to https://crm:SECRET@crm.example/?token=SECRET")
  end
  return cmd
end

function on_message(conn, message)
  error("Authorization: Bearer SECRET")
end
"""


@pytest.fixture
def secret():
    """A secret that no other text has, known to those who search."""
    secret = f"Zq9{secrets.token_hex(12)}"
    planted.KNOWN[secret] = "what this test sends"
    yield secret
    del planted.KNOWN[secret]


@pytest.fixture
async def open_to_all(gateways, asterisk22, tmp_path, secret):
    """A gateway that logs and audits whatever it can."""
    script = tmp_path / "careless.lua"
    script.write_text(SCRIPT.replace("SECRET", secret))
    turn = {"urls": "turn:127.0.0.1:3478", "username": "alice", "credential": f"{secret}turn"}
    gateway = await gateways.start(
        target(asterisk22),
        scripts={"files": [str(script)]},
        state=gateways.short_state(),
        log={"level": "debug"},
        audit={"reads": True},
        webrtc={"ice_servers": [turn]},
    )
    yield gateway
    await gateway.stop()  # which searches, while the secret is known


async def test_commands_and_their_parameters(open_to_all, secret):
    gateway = open_to_all
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        body = {
            "endpoint": "Local/600@default",
            "variables": {"PIN": secret, "_API_KEY": secret},
            "appArgs": "welcome",
        }
        made = (await client.request("POST", "/channels", body=body))["body"]["id"]
        at = f"/channels/{made}"
        for method, path, query in (
            ("POST", "/channels", {"endpoint": f"PJSIP/200/sip:bob:{secret}@pbx.example"}),
            ("POST", "/channels", {"endpoint": f"PJSIP/none/sips:bob:{secret}@pbx.example;transport=tls"}),
            ("POST", f"{at}/variable", {"variable": "PIN", "value": secret}),
            ("GET", f"{at}/variable", {"variable": f"CURL(https://crm.example/?token={secret})"}),
            ("POST", f"{at}/dtmf", {"dtmf": "1234"}),
            ("POST", f"{at}/play", {"media": f"sound:https://bob:{secret}@crm.example/a.wav?sig={secret}"}),
            ("PUT", "/endpoints/sendMessage", {"to": "pjsip:200", "from": "pjsip:100", "body": secret}),
            ("GET", f"/channels?api_key=bob:{secret}", {}),
            ("GET", "/channels", {"api_key": f"bob:{secret}"}),
            ("POST", f"{at}/ring", {}),
        ):
            await client.request(method, path, query=query)
        for message in (
            {"type": "message", "data": {"password": secret}},
            {"type": "subscribe", "sub": 2, "filter": {"token": [secret]}},
            {"type": "request", "op": "channels.list", "token": secret},
            {"type": "no-such-type", "token": secret},
            {"type": "auth", "token": secret},
            {"type": "auth", "token": gateway.token(sub="bob")},
        ):
            await client.ask(**message)
        rest = {"type": "RESTRequest", "transaction_id": "1", "request_id": "1", "method": "GET"}
        await client.send({**rest, "uri": f"channels?api_key=bob:{secret}"})
        await client.until(lambda seen: seen["type"] == "RESTResponse")
        await client.request("DELETE", at)
        await client.event("ChannelDestroyed", id=made)
        report = await local(gateway, f"/v1/trace/{made}")
    planted.search_text(report, "the trace")
    planted.search_text(await local(gateway, "/v1/scripts"), "what scripts report")
    await until(lambda: "channels.hangup" in str(gateway.audit), what="all is on record")
    assert any("with token=[redacted]" in line for line in gateway.log)


async def test_credentials_in_wrong_places(open_to_all, secret):
    gateway = open_to_all
    basic = b64encode(f"bob:{secret}".encode()).decode()
    token = gateway.token()
    async with aiohttp.ClientSession() as http:
        for path in (
            "state",
            "ws",
            "rtc",
            "catalogue/pbx",
            "recordings/pbx/name",
            "none",
            f"asterisk/{secret[:3]}",
        ):
            for query in (f"token={secret}", f"access_token={token}", f"api_key=bob:{secret}", f"apisecret={secret}"):
                async with http.get(f"{gateway.url}/v1/{path}?{query}") as answer:
                    planted.search_text(await answer.text(), path)
        for header in (f"Bearer {secret}", f"Basic {basic}", secret, f"Bearer {token[:-4]}", f"Digest {secret}"):
            async with http.get(f"{gateway.url}/v1/state", headers={"Authorization": header}) as answer:
                assert answer.status == 401
                planted.search_text(await answer.text(), header[:6])
        async with http.post(f"{gateway.url}/v1/rtc", headers=bearer(gateway), data=f"v=0 {secret}") as answer:
            assert answer.status >= 400
        for first in (
            {"type": "hello", "id": 1, "token": secret},
            {"type": "hello", "id": 1, "tokne": secret},
            {"type": "hello", "id": 1, "token": f"{token}{secret}"},
            f'{{"type":"hello","token":"{secret}"',
            {"type": "hello", "id": 1, "token": gateway.token(exp=1)},
        ):
            await say(http, gateway, "aribridge.v1", "/v1/ws", first)
        await say(http, gateway, "aribridge.v1", f"/v1/ws?token={secret}", {"type": "hello", "id": 1})


async def test_credentials_of_janus(open_to_all, secret):
    gateway = open_to_all
    create = {"janus": "create", "transaction": "t"}
    async with aiohttp.ClientSession() as http:
        for message in (
            {**create, "token": secret},
            {**create, "apisecret": secret},
            {**create, "token": gateway.token(exp=1)},
            {**create, "token": f"1893456000,janus,janus.plugin.echotest:{secret}"},
            {**create, "secret": secret, "transaction": 7},
            {"janus": "attach", "transaction": "t", "token": gateway.token(), "plugin": "none", "apisecret": secret},
        ):
            async with http.post(f"{gateway.url}/janus", json=message) as answer:
                planted.search_text(await answer.text(), "janus")
            await say(http, gateway, "janus-protocol", "/", message)
        async with http.get(f"{gateway.url}/janus/1?token={secret}&apisecret={secret}") as answer:
            assert answer.status == 403
        await say(http, gateway, "janus-protocol", f"/?token={secret}", f'{{"janus":"create","token":"{secret}')


async def test_what_the_operator_does(open_to_all, secret):
    gateway = open_to_all
    commands = (
        ("call", "POST", "/asterisk/variable", "variable=PIN", f"value={secret}"),
        ("call", "GET", "/asterisk/info", f"api_key=bob:{secret}"),
        ("log-level", secret),
        ("token", "revoke", "--sub", "mallory"),
    )
    for command in commands:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aribridge", *command, "-c", str(gateway.config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        await asyncio.wait_for(process.communicate(), 60)


def bearer(gateway):
    return {"Authorization": f"Bearer {gateway.token()}", "Content-Type": "application/sdp"}


async def say(http, gateway, protocol, path, first):
    """Open a WebSocket and send a first frame: what comes back has no secret."""
    async with http.ws_connect(f"{gateway.url}{path}", protocols=(protocol,)) as socket:
        await socket.send_str(first if isinstance(first, str) else json.dumps(first))
        with suppress(TimeoutError):
            answer = await socket.receive(2)
            planted.search_text(str(answer.data), path)


async def local(gateway, path):
    connector = aiohttp.UnixConnector(str(gateway.state / "admin.sock"))
    async with aiohttp.ClientSession(connector=connector) as http, http.get(f"http://gateway{path}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


def test_a_leak_would_be_found(tmp_path, secret):
    log = tmp_path / "gateway.log"
    log.write_text(f"well\nlogged in with {secret} by mistake\n")
    with pytest.raises(AssertionError, match=r"line 2: …(.|\n)*logged in with <SECRET> by mistake") as caught:
        planted.search([log])
    assert secret not in str(caught.value)
    log.write_text("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.x")
    with pytest.raises(AssertionError, match="a token"):
        planted.search([log])


def test_all_secrets_of_a_configuration_are_looked_for(tmp_path):
    for name in ("ari", "hs256", "api", "signed"):
        (tmp_path / name).write_text(f"{name}-{secrets.token_hex(8)}\n")
    settings = {
        "asterisk": [{"user": "gw", "password_file": "ari"}, {"password": "in-the-file"}],
        "auth": {
            "jwt": [{"algorithm": "HS256", "key_file": "hs256"}],
            "janus": {"api_secret_file": "api", "token_secret_file": "signed"},
        },
        "webrtc": {"ice_servers": [{"credential": "turn-password"}]},
    }
    before = dict(planted.KNOWN)
    planted.plant(settings, tmp_path)
    added = planted.KNOWN.keys() - before.keys()
    for one in added:
        del planted.KNOWN[one]
    password = (tmp_path / "ari").read_text().strip()
    assert added == {
        *((tmp_path / name).read_text().strip() for name in ("ari", "hs256", "api", "signed")),
        b64encode(f"gw:{password}".encode()).decode(),
        "in-the-file",
        "turn-password",
    }
