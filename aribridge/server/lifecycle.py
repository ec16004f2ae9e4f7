"""The life of the process: start, run until a signal, stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable

import structlog

from aribridge.core.settings import Settings
from aribridge.server.gateway import Gateway
from aribridge.server.notify import notify, watchdog

log = structlog.get_logger("aribridge.server")

FORCED = 1
"""The exit code of a process that was not left the time to stop."""


async def serve(settings: Settings, *, dev: bool, ready: Callable[[Gateway], None]) -> None:
    """Run a gateway until SIGINT or SIGTERM; ``ready`` is called once it listens. Raises StartError.

    A second one of these ends the process at once. SIGHUP loads the scripts, the policy and the certificate anew.
    """
    loop = asyncio.get_running_loop()
    gateway = Gateway(settings, dev=dev)
    stop = gateway.stop_wanted
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: _end() if stop.is_set() else stop.set())
    loop.add_signal_handler(signal.SIGHUP, gateway.reloader.request)
    await gateway.start()
    # What was made at the start stays: left out of collections, it makes them cheap.
    gc.collect()
    gc.freeze()
    alive = asyncio.create_task(watchdog(), name="watchdog")
    try:
        ready(gateway)
        notify("READY=1")
        await stop.wait()
    finally:
        notify("STOPPING=1")
        log.info("gateway.stopping")
        await gateway.stop()
        alive.cancel()
        await asyncio.gather(alive, return_exceptions=True)
        log.info("gateway.stopped")


def _end() -> None:
    log.warning("gateway.forced", lost="what was in flight, and what the next run would have continued")
    os._exit(FORCED)
