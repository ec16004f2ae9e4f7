"""Real Chromium on a way that loses, reorders and narrows (FaultyPort)."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from real.wait import until
from test_webrtc_browser import packet_sizes, page, plain_chromium, site, visit  # noqa: F401 - fixtures

from aribridge.transport.webrtc.fastpath.path import SIZES
from aribridge.transport.webrtc.segments import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Page

    from aribridge.transport.webrtc import RtcEngine

LATE_SECONDS = 0.01
ECHOES = """async ([count, every, long]) => {
  for (let i = 0; i < count; i++) channels[0].send(JSON.stringify({ i, text: "x".repeat(i % every ? 200 : long) }));
  return (await receive(count)).map(([, data]) => JSON.parse(data).i).sort((a, b) => a - b);
}"""


class FaultyPort:
    """Stands around the socket of an engine; loses and delays what comes and goes, and what is too wide to go."""

    def __init__(self, rtc: RtcEngine) -> None:
        [port] = rtc._ports._bound  # type: ignore[attr-defined]
        self._random = random.Random(1)
        self.loss = self.reorder = 0.0
        self.widest = 1500
        self.lost = 0
        send, lone, receive = port.send, port.send_lone, port.datagram_received

        def send_all(datagrams: bytes, size: int, address: Any) -> None:
            for datagram in cut(datagrams, size):
                self._carry(send, bytes(datagram), address)

        def send_lone(datagram: bytes, address: Any, *, may_fragment: bool) -> None:
            def passed(data: bytes, to: Any) -> None:
                lone(data, to, may_fragment=may_fragment)

            self._carry(passed, bytes(datagram), address, may_fragment=may_fragment)

        port.send = lambda data, address: self._carry(send, data, address)
        port.send_all, port.send_lone = send_all, send_lone
        port.datagram_received = lambda data, address: self._carry(receive, data, address)

    def _carry(self, on: Callable[..., None], data: bytes, address: Any, *, may_fragment: bool = False) -> None:
        if self._random.random() < self.loss or (len(data) > self.widest and not may_fragment):
            self.lost += 1
        elif self._random.random() < self.reorder:
            asyncio.get_running_loop().call_later(LATE_SECONDS * self._random.random(), on, data, address)
        else:
            on(data, address)


async def echoes(page: Page, count: int, every: int, long: int) -> None:  # noqa: F811 - the fixture
    """Send as many messages, each so many-th a long one; all come back."""
    assert await asyncio.wait_for(page.evaluate(ECHOES, [count, every, long]), 60) == list(range(count))


@pytest.mark.parametrize("loss", [0.02, 0.1])
async def test_losses_and_reordering_while_tsns_wrap_around(page: Page, loss: float, monkeypatch):  # noqa: F811
    monkeypatch.setattr("aiortc.rtcsctptransport.random32", lambda: 2**32 - 50)
    async with site() as where:
        faulty = FaultyPort(where.rtc)
        await visit(page, where)
        faulty.loss, faulty.reorder = loss, 0.1
        await echoes(page, 1500, 100, 10_000)
        [association] = [peer._sctp for peer in where.peers.values()]
        assert faulty.lost > 20
        assert association._last_sacked_tsn < 2**31  # past the end of the numbers


async def test_a_way_that_becomes_narrower(page: Page):  # noqa: F811
    async with site() as where:
        faulty = FaultyPort(where.rtc)
        await visit(page, where)
        await echoes(page, 20, 1, 10_000)
        await until(lambda: packet_sizes(where) == [SIZES[0]])
        faulty.widest = 1300
        await echoes(page, 20, 1, 10_000)
        assert faulty.lost > 0
        assert packet_sizes(where) != [SIZES[0]]
