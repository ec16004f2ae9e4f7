"""Tells systemd how the gateway is (sd_notify(3), sd_watchdog_enabled(3)); elsewhere there is nobody to tell."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Send a state such as ``READY=1``. What keeps it from being sent is systemd's affair: it waits, then acts."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        # An abstract socket's name begins with a zero byte, which is written @ in the environment.
        sender.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


async def watchdog() -> None:
    """Tell it, for ever, that the event loop still runs, twice in the time that the unit allows (WatchdogSec)."""
    period = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6 / 2
    if period and os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
        while True:
            notify("WATCHDOG=1")
            await asyncio.sleep(period)
