"""A gateway that is told to stop: what is in flight is finished, what comes late is told so, and it is soon over."""

from __future__ import annotations

import asyncio
import json
import signal

import aiohttp
import pytest
from real.gateway import target
from real.wait import until
from real.wsclient import greeted

SLOW = """
local bridge = require "bridge"
function on_command(conn, cmd)
  if cmd.op == "asterisk.ping" then bridge.log("info", "asked") bridge.sleep(2000) end
  return cmd
end
"""
FLOW = """
local bridge = require "bridge"
function accepts(call) return call.exten == "7001" end
function on_call(call)
  call:answer()
  print("begun", call.exten)
  bridge.sleep(1500)
  call:hangup()
end
"""


@pytest.fixture
def script(tmp_path):
    def write(source):
        path = tmp_path / "stopping.lua"
        path.write_text(source)
        return {"files": [str(path)]}

    return write


async def logged(gateway, text, count=1):
    def lines():
        found = [json.loads(line) for line in gateway.log if text in line]
        return found if len(found) >= count else []

    return (await until(lines, what=f"{text} in the log"))[-1]


async def test_what_is_in_flight_is_finished_and_what_comes_late_is_refused(asterisk22, gateways, script):
    gateway = await gateways.start(target(asterisk22), scripts=script(SLOW))
    async with greeted(gateway.url, gateway.token()) as client, aiohttp.ClientSession() as http:
        await client.send({"type": "request", "id": "slow", "method": "GET", "path": "/asterisk/ping"})
        await logged(gateway, "asked")
        stopping = asyncio.create_task(gateway.stop())
        await logged(gateway, "gateway.stopping")
        status, text = await gateway.admin("/readyz")
        assert (status, json.loads(text)["draining"]) == (503, True)
        late = await client.request("GET", "/channels")
        assert (late["status"], late["error"]["code"], late["error"]["outcome"]) == (503, "draining", "not_applied")
        late = await client.ask(type="message", data={})
        assert late["error"]["code"] == "draining"
        await client.send({"type": "RESTRequest", "request_id": "r", "method": "GET", "uri": "channels"})
        rest = await client.until(lambda seen: seen["type"] == "RESTResponse")
        assert rest["status_code"] == 503
        create = {"janus": "create", "transaction": "t", "token": gateway.token()}
        async with http.post(f"{gateway.url}/janus", json=create) as response:
            assert (await response.json())["error"]["code"] == 472
        slow = await client.until(lambda seen: seen["type"] == "reply" and seen["id"] == "slow")
        assert slow["status"] == 200
        goodbye = await client.goodbye()
        assert (goodbye["slug"], goodbye["reconnect"], goodbye["closed"]) == ("draining", "now", 4000)
        await stopping


async def test_a_second_signal_ends_it_at_once(asterisk22, gateways, script):
    gateway = await gateways.start(target(asterisk22), scripts=script(SLOW.replace("(2000)", "(9000)")))
    async with greeted(gateway.url, gateway.token()) as client:
        await client.send({"type": "request", "id": "slow", "method": "GET", "path": "/asterisk/ping"})
        await logged(gateway, "asked")
        process = gateway._process
        process.send_signal(signal.SIGTERM)
        await logged(gateway, "gateway.stopping")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 6) == 1
    await logged(gateway, "gateway.forced")
    await gateway.kill()  # so that its end is not judged again


async def test_a_flow_may_come_to_its_end_and_no_other_begins(asterisk22, gateways, script):
    gateway = await gateways.start(target(asterisk22, app=asterisk22.app), scripts=script(FLOW))

    async def call():
        headers = {"Authorization": aiohttp.encode_basic_auth(asterisk22.user, asterisk22.password)}
        query = {"endpoint": "Local/7001@default/n", "context": "default", "extension": "600", "priority": "1"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{asterisk22.ari_url}/channels", params=query) as response,
        ):
            assert response.status == 200

    await call()
    await logged(gateway, "begun")
    stopping = asyncio.create_task(gateway.stop())
    await logged(gateway, "gateway.stopping")
    await call()
    # Nobody takes it: it goes on in the dialplan while the other flow still runs.
    await logged(gateway, "flow.unhandled")
    assert not [line for line in gateway.log if '"flow.ended"' in line]
    await stopping
    (ended,) = [json.loads(line) for line in gateway.log if '"flow.ended"' in line]
    assert (ended["outcome"], ended["hung_up_by"]) == ("hung up", "script")
    await hang_up(asterisk22)


async def hang_up(asterisk):
    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.get(f"{asterisk.ari_url}/channels") as response:
            channels = await response.json()
        for channel in channels:
            async with http.delete(f"{asterisk.ari_url}/channels/{channel['id']}"):
                pass
