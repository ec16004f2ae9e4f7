"""The life of the process: start, run until a signal, stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable

import structlog

from aribridge.core.settings import Settings
from aribridge.server.gateway import Gateway

log = structlog.get_logger("aribridge.server")


async def serve(settings: Settings, *, dev: bool, ready: Callable[[Gateway], None]) -> None:
    """Run a gateway until SIGINT or SIGTERM; ``ready`` is called once it listens. Raises StartError.

    SIGHUP loads the scripts anew.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    gateway = Gateway(settings, dev=dev)
    loop.add_signal_handler(signal.SIGHUP, gateway.reloader.request)
    await gateway.start()
    # What was made at the start stays: left out of collections, it makes them cheap.
    gc.collect()
    gc.freeze()
    try:
        ready(gateway)
        await stop.wait()
    finally:
        log.info("gateway.stopping")
        await gateway.stop()
        log.info("gateway.stopped")
