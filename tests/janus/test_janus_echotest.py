"""The echo test's bounds, with a channel that takes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from real.wait import until

from aribridge.janus.plugins import echotest
from aribridge.janus.plugins.echotest import EchoTestPlugin

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence


class StuckChannel:
    """A data channel whose peer has stopped reading: nothing can be sent, and no real one stays so for long."""

    kind = "datachannel"
    peer = label = "stuck"
    ordered = reliable = True
    max_send = 65536

    def __init__(self) -> None:
        self.closed_with: int | None = None

    def send_now(self, frames: Sequence[str]) -> int:
        return 0

    async def send(self, frame: str) -> None:
        await asyncio.get_running_loop().create_future()

    async def send_bytes(self, frame: bytes) -> None:
        await asyncio.get_running_loop().create_future()

    async def close(self, code: int, reason: str) -> None:
        self.closed_with = code


class Context:
    """As much of a handle as the echo uses."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(work)


@pytest.mark.parametrize("frames", [1, 1000])
async def test_a_channel_that_takes_nothing_is_closed(monkeypatch, frames: int) -> None:
    monkeypatch.setattr(echotest, "SEND_SECONDS", 0.05)
    channel = StuckChannel()
    echo = EchoTestPlugin().attach(Context()).channel(channel)  # type: ignore[arg-type]
    for _ in range(frames):
        echo.received("x")
    assert len(echo._waiting) <= echotest.WAITING
    await until(lambda: channel.closed_with == 1008)


async def test_more_than_may_wait_ends_the_channel_even_if_it_moves_again(monkeypatch) -> None:
    channel = StuckChannel()
    sent: list[str] = []

    async def send(frame: str) -> None:
        sent.append(frame)

    monkeypatch.setattr(channel, "send", send)
    echo = EchoTestPlugin().attach(Context()).channel(channel)  # type: ignore[arg-type]
    for _ in range(echotest.WAITING + 1):
        echo.received("x")
    await until(lambda: channel.closed_with == 1008)
    assert len(sent) <= 1
