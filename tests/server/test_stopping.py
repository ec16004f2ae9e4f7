"""A gateway that is told to stop: what is in flight is finished, what comes late is told so, and it is soon over."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import asynccontextmanager

import aiohttp
import pytest
from models.gateway_clients import ari, end_all
from real.gateway import target
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import greeted
from yarl import URL

SLOW = """
local ari, bridge = require "ari", require "bridge"
function on_command(conn, cmd)
  if cmd.op == "asterisk.ping" then bridge.log("info", "asked") ari.asterisk.getInfo {} end
  return cmd
end
"""
FLOW = """
function accepts(call) return call.exten == "7001" end
function on_call(call)
  call:answer()
  print("begun", call.exten)
  call:read { max = 1, timeout = 60 }
  call:hangup()
end
"""
PATIENT = {"drain_seconds": 12.0}
"""Of a gateway that is stopped while a test does several things, on a busy machine."""


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


@asynccontextmanager
async def in_flight(asterisk22, gateways, script):
    """A gateway whose script waits for Asterisk, the client whose command it looks at, and what keeps the answer."""
    url = URL(asterisk22.ari_url)
    async with faulty_proxy(url.port) as proxy:
        section = target(asterisk22, url=str(url.with_port(proxy.port)))
        gateway = await gateways.start(section, scripts=script(SLOW), server=PATIENT)
        async with greeted(gateway.url, gateway.token()) as client:
            proxy.freeze()
            await client.send({"type": "request", "id": "slow", "method": "GET", "path": "/asterisk/ping"})
            await logged(gateway, "asked")
            yield gateway, client, proxy


async def test_what_is_in_flight_is_finished_and_what_comes_late_is_refused(asterisk22, gateways, script):
    async with (
        in_flight(asterisk22, gateways, script) as (gateway, client, proxy),
        aiohttp.ClientSession() as http,
    ):
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
        proxy.thaw()
        slow = await client.until(lambda seen: seen["type"] == "reply" and seen["id"] == "slow")
        assert slow["status"] == 200
        goodbye = await client.goodbye()
        assert (goodbye["slug"], goodbye["reconnect"], goodbye["closed"]) == ("draining", "now", 4000)
        await stopping


async def test_a_second_signal_ends_it_at_once(asterisk22, gateways, script):
    async with in_flight(asterisk22, gateways, script) as (gateway, _, _):
        process = gateway._process
        process.send_signal(signal.SIGTERM)
        await logged(gateway, "gateway.stopping")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 6) == 1
    await logged(gateway, "gateway.forced")
    await gateway.kill()  # so that its end is not judged again


async def test_a_flow_may_come_to_its_end_and_no_other_begins(asterisk22, gateways, script):
    section = target(asterisk22, app=asterisk22.app)
    gateway = await gateways.start(section, scripts=script(FLOW), server=PATIENT)
    caller = {"endpoint": "Local/7001@default/n", "context": "default", "extension": "600", "priority": "1"}
    async with ari(asterisk22) as call:
        await call("POST", "/channels", **caller)
        await logged(gateway, "begun")
        flow = await logged(gateway, "flow.started")
        stopping = asyncio.create_task(gateway.stop())
        await logged(gateway, "gateway.stopping")
        await call("POST", "/channels", **caller)
        # Nobody takes it: it goes on in the dialplan while the other flow still runs.
        await logged(gateway, "flow.unhandled")
        assert not [line for line in gateway.log if '"flow.ended"' in line]
        # The other half is in Echo(), which sends digits back to where they came from.
        await call("POST", f"/channels/{flow['channel']}/dtmf", dtmf="1")
        await stopping
        (ended,) = [json.loads(line) for line in gateway.log if '"flow.ended"' in line]
        assert (ended["outcome"], ended["hung_up_by"]) == ("hung up", "script")
        await end_all(call)
