"""Several datagrams by one system call: what comes is what each would have been by itself."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aribridge.transport.webrtc.fastpath import runs
from aribridge.transport.webrtc.udp import UdpPort

IP_MTU_DISCOVER = 10
SIZES = [
    pytest.param([1200] * 5, id="all of one length"),
    pytest.param([1200, 1200, 60], id="a short one last"),
    pytest.param([60, 1200], id="a short one first"),
    pytest.param([1200, 60, 1200, 1200], id="a short one between"),
    pytest.param([1200] * 150, id="more than one call takes"),
]


@given(st.lists(st.integers(1, 1300), max_size=200))
def test_runs_keep_all_in_order_and_each_can_be_cut(sizes):
    datagrams = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    found = list(runs.runs(datagrams))
    assert [datagram for run in found for datagram in run] == datagrams
    for run in found:
        first, *others = map(len, run)
        assert len(run) <= runs.MOST
        assert sum(map(len, run)) <= runs.MOST_BYTES
        assert all(size == first for size in others[:-1])
        assert all(size <= first for size in others[-1:])


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("can", [True, False], ids=["cut by the kernel", "one by one"])
async def test_each_datagram_arrives_as_it_is(sizes, can, monkeypatch):
    if not can:
        monkeypatch.setattr("aribridge.transport.webrtc.udp.can_segment", lambda _: False)
    datagrams = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    port = await UdpPort.bind("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        receiver.setblocking(False)
        for run in runs.runs(datagrams):
            port.send_all(b"".join(run), len(run[0]), receiver.getsockname())
        async with asyncio.timeout(10):
            loop = asyncio.get_running_loop()
            assert [await loop.sock_recv(receiver, 65_536) for _ in datagrams] == datagrams
    await port.close()


@pytest.mark.parametrize("may_fragment", [True, False])
async def test_a_lone_datagram_arrives_and_changes_nothing_for_others(may_fragment):
    """Or, too large for the device, is lost where it may not be fragmented; nobody else notices."""
    port = await UdpPort.bind("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        usual = port._socket.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER)
        for size in (70_000, 1_400):
            port.send_lone(bytes(size), receiver.getsockname(), may_fragment=may_fragment)
            assert port._socket.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) == usual
        async with asyncio.timeout(10):
            assert await asyncio.get_running_loop().sock_recv(receiver, 65_536) == bytes(1_400)
    await port.close()


async def test_what_the_kernel_refuses_to_cut_goes_one_by_one(monkeypatch):
    """As on a way whose packets are shorter: there it would have to fragment, which it does for single ones only."""
    refused = []
    monkeypatch.setattr("aribridge.transport.webrtc.udp.send_run", lambda *_: refused.append(1))
    port = await UdpPort.bind("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        port.send_all(b"onetwo", 3, receiver.getsockname())
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            assert [await loop.sock_recv(receiver, 100) for _ in range(2)] == [b"one", b"two"]
    await port.close()
    assert refused
