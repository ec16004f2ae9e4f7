"""Peers that are not connected yet: so many in all, and from each address."""

import asyncio
from collections import Counter

import pytest
from webrtc_parts import Client, Events, engine, without_candidates

from aribridge.protocol.problems import Problem
from aribridge.transport.webrtc import sdp


class From(Events):
    """Signalling from an address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address


async def offer(client: Client) -> str:
    client.create("one")
    return without_candidates(await client.offer())


async def begin(rtc, text: str, *addresses: str) -> None:
    """One peer from each address, of which none ever connects."""
    for address in addresses:
        await rtc.answer(text, From(address))


@pytest.fixture
async def silent():
    """The offer of a client of whom nothing more is heard."""
    client = Client()
    yield await offer(client)
    await client.pc.close()


@pytest.mark.parametrize(
    ("earlier", "address"),
    [
        (["192.0.2.1", "192.0.2.1"], "192.0.2.1"),
        (["2001:db8::1", "2001:db8:0:0:ffff::2"], "2001:db8::3"),
        (["192.0.2.1", "::ffff:192.0.2.1"], "192.0.2.1"),
    ],
    ids=["IPv4", "one network of IPv6", "IPv4 as IPv6"],
)
async def test_an_address_has_so_many(silent, earlier, address):
    async with engine(address_handshakes=2) as rtc:
        await begin(rtc, silent, *earlier)
        with pytest.raises(Problem, match=r"webrtc\.address_handshakes") as refused:
            await begin(rtc, silent, address)
        assert (refused.value.code, refused.value.after_ms > 0) == ("too_many_requests", True)
        assert rtc.peers == 2
        await begin(rtc, silent, "192.0.2.99", "2001:db8:0:1::1")


async def test_there_are_so_many_in_all(silent):
    async with engine(handshakes=2) as rtc:
        await begin(rtc, silent, "192.0.2.1", "192.0.2.2")
        with pytest.raises(Problem, match=r"webrtc\.handshakes"):
            await begin(rtc, silent, "192.0.2.3")


async def test_who_is_connected_or_gone_does_not_count(silent):
    client, events = Client(), From("192.0.2.1")
    async with engine(address_handshakes=1, connect_seconds=20) as rtc:
        peer = await rtc.answer(await _with_candidates(client), events)
        with pytest.raises(Problem):
            await begin(rtc, silent, "192.0.2.1")
        await client.take_answer(peer.sdp)
        await events.opened()
        gone = await rtc.answer(silent, From("192.0.2.1"))
        await gone.close("Close PC")
        await begin(rtc, silent, "192.0.2.1")
        await client.pc.close()


async def _with_candidates(client: Client) -> str:
    client.create("one")
    return await client.offer()


async def test_offers_that_come_at_once_are_read_in_turns(silent, monkeypatch):
    """A long one takes ten milliseconds to read, and a client may send hundreds in one moment."""
    turn, read, parse = 0, [], sdp.parse
    monkeypatch.setattr(sdp, "parse", lambda text: read.append(turn) or parse(text))
    async with engine() as rtc:
        offers = asyncio.gather(*(rtc.answer(silent, From("192.0.2.1")) for _ in range(20)))
        while not offers.done():
            await asyncio.sleep(0)
            turn += 1
        assert len(offers.result()) == len(read) == 20
        assert set(Counter(read).values()) == {1}
