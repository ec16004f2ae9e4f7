"""The faults: what goes wrong with the network, with Asterisk, or with packets of data channels, for some seconds."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from real.proxy import FaultyProxy
from real.relay import LossyRelay
from real.wait import until

from aribridge.asterisk.instance import PrivateAsterisk

LOST = 20
"""Packets of all clients, both ways: some of them held up what a client was to get."""


@dataclass
class Ground:
    """What can be broken: the way from gateway to Asterisk, Asterisk itself, the way from data channels to gateway."""

    proxy: FaultyProxy
    asterisk: PrivateAsterisk
    relay: LossyRelay


@dataclass(frozen=True)
class Fault:
    """`harm` returns when it is over, about the given seconds later; `doors`: whose clients it is done to."""

    name: str
    harm: Callable[[Ground, float], Awaitable[None]]
    doors: tuple[str, ...] = ("ws", "rtc")


async def reset(ground: Ground, seconds: float) -> None:
    ground.proxy.drop()
    await asyncio.sleep(seconds)


async def cut(ground: Ground, seconds: float) -> None:
    ground.proxy.cut()
    await asyncio.sleep(seconds)


async def stall(ground: Ground, seconds: float) -> None:
    ground.proxy.freeze()
    try:
        await asyncio.sleep(seconds)
    finally:
        ground.proxy.thaw()


async def slow(ground: Ground, seconds: float) -> None:
    ground.proxy.delay = 0.5
    try:
        await asyncio.sleep(seconds)
    finally:
        ground.proxy.delay = 0.0


async def narrow(ground: Ground, seconds: float) -> None:
    ground.proxy.rate = 10_000
    try:
        await asyncio.sleep(seconds)
    finally:
        ground.proxy.rate = 0.0


async def killed(ground: Ground, seconds: float) -> None:
    await ground.asterisk.kill()
    await asyncio.sleep(seconds / 2)
    await ground.asterisk.start()


async def restarted(ground: Ground, seconds: float) -> None:
    await ground.asterisk.stop()
    await ground.asterisk.start()


async def stopped(ground: Ground, seconds: float) -> None:
    pid = ground.asterisk.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def loses(part: float) -> Callable[[Ground, float], Awaitable[None]]:
    async def lossy(ground: Ground, seconds: float) -> None:
        """Longer where few packets go, until some were lost."""
        enough = ground.relay.lost + (LOST if part else 0)
        ground.relay.loss = part
        try:
            await asyncio.sleep(seconds)
            await until(lambda: ground.relay.lost >= enough, within=60, what=f"{LOST} packets are lost")
        finally:
            ground.relay.loss = 0.0

    return lossy


FAULTS = (
    Fault("link reset", reset),
    Fault("link stalled", stall),
    Fault("link slow", slow),
    Fault("link cut in mid-frame", cut),
    Fault("link narrow", narrow),
    Fault("Asterisk killed", killed),
    Fault("Asterisk stopped", stopped),
    Fault("Asterisk restarted", restarted),
    Fault("packets lost, 1 %", loses(0.01), ("rtc",)),
    Fault("packets lost, 5 %", loses(0.05), ("rtc",)),
    Fault("packets lost, 20 %", loses(0.20), ("rtc",)),
)
NONE = Fault("none; packets lost, 0 %", loses(0.0))
