"""Two SCTP associations and a link between them that loses and delays packets, in simulated time.

The fault injector of the transport's tests: no network at hand can be told which packets to lose. Below the
associations it stands for DTLS, ICE and UDP.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiortc.rtcsctptransport
from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

import aribridge.transport.webrtc.fastpath.sending
from aribridge.script.testing.clock import SimulatedLoop
from aribridge.transport.webrtc.fastpath import FastSctp
from aribridge.transport.webrtc.fastpath.inline import run_inline
from aribridge.transport.webrtc.sctp import Association, FastAssociation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

MOST_SIMULATED_SECONDS = 600.0
PACKET_SECONDS = 1e-6
"""Between two packets: timers of the same instant would fire in any order."""


class FaultyEnd:
    """One end of the link: what an association takes for its DTLS transport."""

    state = "connected"

    def __init__(self, link: FaultyLink, role: str) -> None:
        self._link = link
        self._role = role
        self.receiver: RTCSctpTransport | None = None
        self.sent = 0

    def _register_data_receiver(self, receiver: RTCSctpTransport) -> None:
        self.receiver = receiver

    def _unregister_data_receiver(self, _: RTCSctpTransport) -> None:
        self.receiver = None

    async def _send_data(self, data: bytes) -> None:
        self.send_now([data])

    def send_now(self, packets: Sequence[bytes]) -> None:
        for packet in packets:
            self.sent += 1
            self._link.carry(self, packet)

    def send_lone(self, packet: bytes, *, may_fragment: bool) -> None:
        self.sent += 1
        self._link.carry(self, packet, may_fragment=may_fragment)

    def arrive(self, data: bytes) -> None:
        if isinstance(self.receiver, FastSctp):
            self.receiver.take(data)
        elif self.receiver is not None:
            run_inline(self.receiver._handle_data(data))


class FaultyLink:
    """Loses each packet with the probability ``loss``, and delays it by ``latency``, or by more with ``reorder``.

    It carries packets of ``widest`` bytes at most.
    """

    def __init__(
        self, seed: int, *, loss: float = 0.0, reorder: float = 0.0, latency: float = 0.01, widest: int = 1500
    ) -> None:
        self._random = random.Random(seed)
        self.loss = loss
        self.reorder = reorder
        self._latency = latency
        self.widest = widest
        self._last = 0.0
        self.ends = (FaultyEnd(self, "client"), FaultyEnd(self, "server"))

    @property
    def packets(self) -> int:
        return sum(end.sent for end in self.ends)

    def carry(self, source: FaultyEnd, data: bytes, *, may_fragment: bool = False) -> None:
        if self._random.random() < self.loss or (len(data) > self.widest and not may_fragment):
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + self._latency
        if self._random.random() < self.reorder:
            at += 2 * self._latency * self._random.random()
        else:
            at = self._last = max(at, self._last + PACKET_SECONDS)
        loop.call_at(at, self.ends[source is self.ends[0]].arrive, data)


class Side:
    """An association, the channel that it has in common with the other one, and what came by it."""

    def __init__(self, kind: str, end: FaultyEnd) -> None:
        self.failed: list[str] = []
        self.association = self._make(kind, end)
        self.inbox: list[str | bytes] = []
        self.channel: RTCDataChannel

    def _make(self, kind: str, end: FaultyEnd) -> Any:
        if kind == "aiortc":
            association = RTCSctpTransport(end)  # type: ignore[arg-type]
            association.on("datachannel", self.watch)
            return association
        made = FastAssociation if kind == "fast" else Association
        return made(end, frame=262_144, channels=8, on_channel=self.watch, on_lost=self.failed.append)  # type: ignore[arg-type]

    def watch(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        channel.on("message", self.inbox.append)


async def connect(link: FaultyLink, kinds: tuple[str, str] = ("fast", "fast"), **options: Any) -> tuple[Side, Side]:
    """Two sides with a channel that the first has opened."""
    first, second = (Side(kind, end) for kind, end in zip(kinds, link.ends, strict=True))
    for side in (first, second):
        await side.association.start(RTCSctpCapabilities(maxMessageSize=262_144), 5000)
    first.watch(RTCDataChannel(first.association, RTCDataChannelParameters(label="one", **options)))
    await simulated_until(lambda: first.channel.readyState == "open")
    return first, second


async def disconnect(*sides: Side) -> None:
    for side in sides:
        await side.association.stop()


async def simulated_until(condition: Callable[[], Any]) -> None:
    """Let time pass until it is true."""
    for _ in range(int(MOST_SIMULATED_SECONDS / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not within {MOST_SIMULATED_SECONDS} simulated seconds")


class UvloopsTimers(SimulatedLoop):
    """What is due in less than half a millisecond is called at once, by a handle that knows no time."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        if when - self.time() < 0.0005:
            return self.call_soon(callback, *args, context=context)
        return super().call_at(when, callback, *args, context=context)


@contextmanager
def simulated_time() -> Iterator[SimulatedLoop]:
    """An event loop whose time passes at once, and is the time that aiortc measures round trips with."""
    modules = (aiortc.rtcsctptransport, aribridge.transport.webrtc.fastpath.sending)
    loop = UvloopsTimers()
    real = modules[0].time
    for module in modules:
        module.time = SimpleNamespace(time=loop.time)  # type: ignore[attr-defined]
    try:
        yield loop
    finally:
        for module in modules:
            module.time = real  # type: ignore[attr-defined]
        loop.close()


def run_simulated(scene: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine in simulated time; nothing in it may fail unseen."""
    failures: list[Any] = []
    with simulated_time() as loop:
        loop.set_exception_handler(lambda _, context: failures.append(context))
        result = loop.run_until_complete(scene())
        loop.run_until_complete(loop.settle())
    assert failures == []
    return result
