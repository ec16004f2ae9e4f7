"""What connections cost: to open, to keep, and to bring back all at once."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from real.gateway import Gateways, target

from bench.asker import asker
from bench.duel import SUBSCRIBED, our_side
from bench.figures import Cpu, resident_kb
from bench.websockets import SUBS, readers

if TYPE_CHECKING:
    from bench.lab import Lab

CHANNELS, SOCKETS, STORM = 100, 1000, 1000


async def data_channels(lab: Lab) -> dict[str, float]:
    """Set-up and memory of a data channel with its peer connection."""
    ours = our_side(lab, SUBSCRIBED)
    async with ours.page(lab, CHANNELS):
        pass  # the first hundred bring memory that the process keeps for the next
    await asyncio.sleep(1)
    before = resident_kb(lab.gateway.pid)
    with Cpu(lab.gateway.pid) as setup:
        opening = ours.page(lab, CHANNELS)
        await opening.__aenter__()
    kept = resident_kb(lab.gateway.pid) - before
    await opening.__aexit__(None, None, None)
    return {
        "CPU ms to set up a data channel": setup.each(CHANNELS) / 1000,
        "data channels a second that a browser opens": CHANNELS / setup.wall,
        "KB per idle data channel": kept / CHANNELS,
    }


async def websockets(lab: Lab) -> dict[str, float]:
    """Set-up and memory of a WebSocket that subscribed."""
    url, hello = lab.gateway.ws_url + "/v1/ws", _hello(lab)
    async with readers(url, SOCKETS, hello):
        pass
    before = resident_kb(lab.gateway.pid)
    with Cpu(lab.gateway.pid) as setup:
        opening = readers(url, SOCKETS, hello)
        await opening.__aenter__()
    kept = resident_kb(lab.gateway.pid) - before
    await opening.__aexit__(None, None, None)
    return {
        "CPU ms to set up a WebSocket": setup.each(SOCKETS) / 1000,
        "WebSockets a second that open": SOCKETS / setup.wall,
        "KB per idle WebSocket": kept / SOCKETS,
    }


async def storm(lab: Lab) -> dict[str, float]:
    """Clients that resume at the same moment and missed a hundred events each."""
    async with asker(lab) as client:
        welcome = await client.ask({"type": "subscribe", "sub": 1, "target": "pbx", "filter": {"type": ["Bench"]}})
        since = {key: welcome["body"][key] for key in ("epoch", "seq")}
        await client.ask({"type": "message", "data": {"burst": 100}})
        began = time.monotonic()
        with Cpu(lab.gateway.pid) as cpu:
            async with readers(lab.gateway.ws_url + "/v1/ws", STORM, _hello(lab, since)) as got:
                await got(STORM * 100)
        return {
            f"seconds until {STORM:,} clients have resumed 100 events each": time.monotonic() - began,
            "CPU ms per resumed client": cpu.each(STORM) / 1000,
        }


async def start_up(lab: Lab) -> dict[str, float]:
    """From the start of the process to `/readyz`."""
    gateways = Gateways(lab.folder / "start")
    (lab.folder / "start").mkdir()
    began = time.monotonic()
    await gateways.start(target(lab.asterisk))
    took = time.monotonic() - began
    await gateways.stop()
    return {"seconds from start to ready": took}


def _hello(lab: Lab, since: dict[str, object] | None = None) -> str:
    subs = [{**sub, **({"since": since} if since else {})} for sub in SUBS]
    return json.dumps({"type": "hello", "id": 1, "token": lab.gateway.token(minutes=60), "subs": subs})
