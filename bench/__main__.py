"""`make bench`: the gateway beside Asterisk itself, on loopback."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from real.asterisk import fresh_asterisk
from real.gateway import Gateways, target
from real.pages import serve_pages

from bench.association import measure_association
from bench.carriers import asterisk_http, gateway_websocket
from bench.datachannel import measure
from bench.figures import latency, rate, show


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with fresh_asterisk("22") as asterisk, serve_pages() as pages:
            async with asterisk_http(asterisk) as ping:
                show("Asterisk itself, HTTP: ARI ping, one at a time", await latency(ping, 1000))
                show("Asterisk itself, HTTP: ARI ping, 16 in flight", await rate(ping, 8000))
            gateways = Gateways(Path(folder))
            try:
                gateway = await gateways.start(target(asterisk), server={"origins": [pages.origin]})
                async with gateway_websocket(gateway) as ping:
                    show("gateway, WebSocket: ARI ping, one at a time", await latency(ping, 1000))
                    show("gateway, WebSocket: ARI ping, 16 in flight", await rate(ping, 8000))
                await measure(gateway, pages)
            finally:
                await gateways.stop()
    await measure_association()


asyncio.run(main())
