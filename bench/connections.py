"""What connections cost: to open, to keep, and to bring back all at once."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from real.gateway import Gateways, target

from bench.asker import asker
from bench.duel import SUBSCRIBED, our_side
from bench.figures import Cpu, resident_kb
from bench.lab import UNLIMITED
from bench.websockets import SUBS, bare_server, readers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from bench.lab import Lab

CHANNELS, SOCKETS, STORM = 100, 1000, 1000


async def data_channels(lab: Lab) -> dict[str, float]:
    """Set-up and memory of a data channel with its peer connection."""
    async with _fresh(lab) as fresh:
        ours = our_side(fresh, SUBSCRIBED)
        setup, kept = await _second(fresh.gateway.pid, lambda: ours.page(fresh, CHANNELS))
    return {
        "CPU ms to set up a data channel": setup.each(CHANNELS) / 1000,
        "data channels a second that a browser opens": CHANNELS / setup.wall,
        "KB per idle data channel": kept / CHANNELS,
    }


async def websockets(lab: Lab) -> dict[str, float]:
    """Set-up and memory of a WebSocket that subscribed, and memory of one that bare aiohttp keeps."""
    async with _fresh(lab) as fresh:
        url, hello = fresh.gateway.ws_url + "/v1/ws", _hello(fresh)
        setup, kept = await _second(fresh.gateway.pid, lambda: readers(url, SOCKETS, hello))
    async with bare_server() as (url, pid):
        _, bare = await _second(pid, lambda: readers(url, SOCKETS, None))
    return {
        "CPU ms to set up a WebSocket": setup.each(SOCKETS) / 1000,
        "WebSockets a second that open": SOCKETS / setup.wall,
        "KB per idle WebSocket": kept / SOCKETS,
        "KB per idle WebSocket of bare aiohttp": bare / SOCKETS,
    }


async def _second(pid: int, opening: Callable[[], AbstractAsyncContextManager[object]]) -> tuple[Cpu, float]:
    """What as many connections again as are open cost the process to set up, and the KiB that they take."""
    async with opening():
        before = resident_kb(pid)
        with Cpu(pid) as setup:
            again = opening()
            await again.__aenter__()
        kept = resident_kb(pid) - before
        await again.__aexit__(None, None, None)
    return setup, kept


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
    began = time.monotonic()
    async with _fresh(lab):
        return {"seconds from start to ready": time.monotonic() - began}


@asynccontextmanager
async def _fresh(lab: Lab) -> AsyncIterator[Lab]:
    """The lab with a gateway that has done nothing yet: one that has, gives connections memory that it has already."""
    gateways = Gateways(Path(mkdtemp(dir=lab.folder)))
    server = {"origins": [lab.pages.origin]}
    try:
        gateway = await gateways.start(target(lab.asterisk), server=server, limits=UNLIMITED)
        yield replace(lab, gateway=gateway)
    finally:
        await gateways.stop()


def _hello(lab: Lab, since: dict[str, object] | None = None) -> dict[str, Any]:
    subs = [{**sub, **({"since": since} if since else {})} for sub in SUBS]
    return {"type": "hello", "id": 1, "token": lab.gateway.token(minutes=60), "subs": subs}
