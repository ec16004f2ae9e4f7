"""The fast path of SCTP, in simulated time over a link that loses packets (FaultyLink), against itself and aiortc."""

from __future__ import annotations

import asyncio
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    WEBRTC_BINARY,
    DataChunk,
    SackChunk,
    parse_packet,
)
from faulty_link import FaultyLink, Side, connect, disconnect, run_simulated, simulated_until
from webrtc_parts import EchoEvents, connected, engine

from aribridge.transport.webrtc import versions
from aribridge.transport.webrtc.fastpath import FastDtls, FastSctp, receiving
from aribridge.transport.webrtc.fastpath.wire import MAX_GAPS
from aribridge.transport.webrtc.sctp import MAX_BEYOND_GAP, WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS = [("fast", "fast"), ("fast", "aiortc"), ("aiortc", "fast")]
MIXED = ["", b"", "ä€", *(f"{i}" * 60 for i in range(40)), b"\0" * 1160, "y" * 1161, b"z" * 16_000, "w" * 65_536]


async def exchange(link: FaultyLink, kinds: tuple[str, str], messages: list[Any]) -> tuple[float, int]:
    """Send them both ways; the seconds and packets that this took."""
    sides = await connect(link, kinds)
    loop = asyncio.get_running_loop()
    began, packets = loop.time(), link.packets
    for message in messages:
        for side in sides:
            side.channel.send(message)
    await simulated_until(lambda: all(len(side.inbox) >= len(messages) for side in sides))
    took = loop.time() - began, link.packets - packets
    await disconnect(*sides)
    assert [side.inbox for side in sides] == [messages, messages]
    return took


def test_messages_a_little_longer_than_a_packet_share_packets():
    """Forty events of 1.2 KB to one side: each would take two packets, if it began with one of its own."""

    async def burst(kinds: tuple[str, str]) -> int:
        link = FaultyLink(1)
        sides = await connect(link, kinds)
        sent = link.ends[0].sent
        for number in range(40):
            sides[0].channel.send(f"{number:04}" * 305)
        await simulated_until(lambda: len(sides[1].inbox) == 40)
        assert sides[1].inbox == [f"{number:04}" * 305 for number in range(40)]
        await disconnect(*sides)
        return link.ends[0].sent - sent

    assert run_simulated(lambda: burst(("fast", "fast"))) < 60
    assert run_simulated(lambda: burst(("aiortc", "fast"))) >= 80


class TestContentAndOrder:
    @pytest.mark.parametrize("kinds", PAIRS, ids=" to ".join)
    @pytest.mark.parametrize("loss", [0.0, 0.02, 0.1])
    @pytest.mark.parametrize("seed", range(3))
    def test_messages_of_all_sizes(self, kinds, loss, seed):
        run_simulated(lambda: exchange(FaultyLink(seed, loss=loss, reorder=0.05), kinds, MIXED))

    @pytest.mark.parametrize("kinds", PAIRS, ids=" to ".join)
    @pytest.mark.parametrize("loss", [0.0, 0.02, 0.1])
    def test_one_of_256_kib(self, kinds, loss):
        message = "".join(f"{i:08}" for i in range(32_768))
        run_simulated(lambda: exchange(FaultyLink(1, loss=loss), kinds, [message, "after"]))

    def test_more_reordering_than_order(self):
        run_simulated(lambda: exchange(FaultyLink(2, reorder=0.6), ("fast", "fast"), [f"{i}" * 90 for i in range(500)]))

    def test_tsns_and_sequence_numbers_that_wrap_around(self, monkeypatch):
        monkeypatch.setattr("aiortc.rtcsctptransport.random32", lambda: 2**32 - 30)

        async def scene() -> None:
            first, second = await connect(FaultyLink(3, loss=0.05))
            first.association._outbound_stream_seq[0] = 65_500
            second.association._get_inbound_stream(0).sequence_number = 65_500
            for number in range(100):
                first.channel.send(f"{number}" * 100)
            await simulated_until(lambda: len(second.inbox) == 100)
            assert second.inbox == [f"{number}" * 100 for number in range(100)]
            await disconnect(first, second)

        run_simulated(scene)

    @pytest.mark.parametrize("seed", range(10))
    def test_a_handshake_under_heavy_loss(self, seed):
        run_simulated(lambda: exchange(FaultyLink(seed, loss=0.3, reorder=0.2), ("fast", "fast"), ["hello", "again"]))

    def test_a_channel_is_closed_after_what_was_sent(self):
        async def scene() -> None:
            first, second = await connect(FaultyLink(4, loss=0.1))
            for _ in range(50):
                first.channel.send("x" * 3000)
            first.channel.close()
            await simulated_until(lambda: first.channel.readyState == second.channel.readyState == "closed")
            assert second.inbox == ["x" * 3000] * 50
            await disconnect(first, second)

        run_simulated(scene)


def typical_run(kind: str, loss: float, latency: float, size: int) -> tuple[float, float]:
    """Seconds and packets that many messages of a size take in both directions; a seed gives the same each time."""
    messages = ["x" * size] * (10 if size > 1000 else 100)
    seeds = range(25 if loss else 1)
    runs = [
        run_simulated(lambda seed=seed: exchange(FaultyLink(seed, loss=loss, latency=latency), (kind, kind), messages))
        for seed in seeds
    ]
    return median(seconds for seconds, _ in runs), median(packets for _, packets in runs)


class TestCost:
    @pytest.mark.parametrize("latency", [0.0005, 0.02])
    @pytest.mark.parametrize("size", [200, 16_000])
    def test_never_slower_than_stock(self, latency, size):
        """Simulated time is that of the network alone; the processor's is what `make bench` measures."""
        totals = {"fast": 0.0, "stock": 0.0}
        for loss in (0.0, 0.02, 0.1):
            fast, stock = (typical_run(kind, loss, latency, size) for kind in totals)
            assert fast[0] <= 1.2 * stock[0]  # chance decides which packets are lost
            assert fast[1] <= stock[1] / (4 if size == 200 else 1)
            totals["fast"] += fast[0]
            totals["stock"] += stock[0]
        assert totals["fast"] <= totals["stock"]

    def test_messages_of_one_turn_share_packets(self):
        async def scene() -> int:
            link = FaultyLink(5)
            first, second = await connect(link)
            await asyncio.sleep(1)
            before = link.packets
            for number in range(20):
                first.channel.send(f"{number:02}" * 50)
            await simulated_until(lambda: len(second.inbox) == 20)
            await asyncio.sleep(1)
            packets = link.packets - before
            await disconnect(first, second)
            return packets

        assert run_simulated(scene) == 3  # two with ten messages each, and one that acknowledges them


async def send_chunk(side: Side, flags: int, tsn: int, size: int = 10) -> None:
    """A DATA chunk as no association of ours would send it."""
    chunk = DataChunk(flags=flags)
    chunk.tsn, chunk.stream_id, chunk.protocol, chunk.user_data = tsn & 0xFFFFFFFF, 0, WEBRTC_BINARY, bytes(size)
    await side.association._send_chunk(chunk)


class Tap:
    """What one end of a link has sent, with the time."""

    def __init__(self, link: FaultyLink, end: int) -> None:
        self.seen: list[tuple[float, list[Any]]] = []
        carry, tapped = link.carry, link.ends[end]

        def carrying(source, data, **how):
            if source is tapped:
                self.seen.append((asyncio.get_running_loop().time(), parse_packet(data)[3]))
            carry(source, data, **how)

        link.carry = carrying  # type: ignore[method-assign]

    def sacks(self) -> list[tuple[float, SackChunk]]:
        return [(at, chunk) for at, chunks in self.seen for chunk in chunks if isinstance(chunk, SackChunk)]


def quiet_scene(play: Callable[[FaultyLink, Side, Side, Tap], Any], **faults: Any) -> None:
    """Play with two connected sides that have nothing more to say, and what the second sends."""

    async def scene() -> None:
        link = FaultyLink(6, **faults)
        first, second = await connect(link)
        await asyncio.sleep(1)
        await play(link, first, second, Tap(link, 1))
        await disconnect(first, second)

    run_simulated(scene)


class TestAcknowledgements:
    def test_a_lone_packet_waits_a_moment_for_company(self):
        async def play(link, first, second, tap):
            sent = asyncio.get_running_loop().time()
            first.channel.send("alone")
            await asyncio.sleep(0.5)
            [(at, _)] = tap.sacks()
            assert 0.02 <= at - sent <= 0.2

        quiet_scene(play)

    def test_a_second_packet_is_acknowledged_at_once(self):
        async def play(link, first, second, tap):
            sent = asyncio.get_running_loop().time()
            first.channel.send("x" * 2000)
            await asyncio.sleep(0.5)
            assert [at - sent for at, _ in tap.sacks()] == [pytest.approx(0.01, abs=1e-4)]

        quiet_scene(play)

    def test_an_answer_takes_the_acknowledgement_along(self):
        async def play(link, first, second, tap):
            second.channel.on("message", lambda _: second.channel.send("answer"))
            first.channel.send("question")
            await asyncio.sleep(0.5)
            [(_, chunks)] = tap.seen
            assert [type(chunk) for chunk in chunks] == [SackChunk, DataChunk]

        quiet_scene(play)

    def test_each_packet_is_acknowledged_after_a_gap(self):
        async def play(link, first, second, tap):
            link.loss = 1
            first.channel.send("lost")
            await asyncio.sleep(0.005)
            link.loss = 0
            for number in range(10):
                first.channel.send(f"{number}")
                await asyncio.sleep(0.005)
            await simulated_until(lambda: len(second.inbox) == 11)
            assert len(tap.sacks()) >= 10
            assert max(len(sack.gaps) for _, sack in tap.sacks()) == 1

        quiet_scene(play)

    def test_a_sack_of_a_thousand_gaps_fits_into_a_packet(self):
        async def play(link, first, second, tap):
            tsn = second.association._last_received_tsn
            for number in range(1000):
                flags = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG | SCTP_DATA_UNORDERED
                await send_chunk(first, flags, tsn + 3 + 2 * number)
            await asyncio.sleep(0.1)
            assert max(len(sack.gaps) for _, sack in tap.sacks()) == MAX_GAPS

        quiet_scene(play)


class TestLoss:
    def test_a_lone_loss_costs_a_quarter_of_a_second(self):
        async def play(link, first, second, tap):
            link.loss = 1
            sent = asyncio.get_running_loop().time()
            first.channel.send("lost")
            await asyncio.sleep(0.005)
            link.loss = 0
            await simulated_until(lambda: second.inbox)
            assert 0.25 <= asyncio.get_running_loop().time() - sent <= 0.35

        quiet_scene(play)

    @pytest.mark.parametrize("seconds", [5, 60])
    def test_after_an_outage_it_goes_on_within_three_seconds(self, seconds):
        async def play(link, first, second, tap):
            link.loss = 1
            first.channel.send("lost")
            await asyncio.sleep(seconds)
            link.loss = 0
            back = asyncio.get_running_loop().time()
            await simulated_until(lambda: second.inbox)
            assert asyncio.get_running_loop().time() - back < 3.1

        quiet_scene(play)

    def test_a_browser_that_takes_its_time_to_acknowledge_gets_nothing_twice(self, monkeypatch):
        monkeypatch.setattr(receiving, "ACK_DELAY", 0.2)

        async def play(link, first, second, tap):
            for number in range(5):
                before = link.packets
                first.channel.send(f"{number}")
                await asyncio.sleep(1)
                assert link.packets - before == 2

        quiet_scene(play)

    def test_of_two_packets_the_first_is_sent_again_without_a_timer(self):
        async def play(link, first, second, tap):
            sent = asyncio.get_running_loop().time()
            first.channel.send("lost")
            link.loss = 1
            await asyncio.sleep(0.005)
            link.loss = 0
            first.channel.send("found")
            await simulated_until(lambda: len(second.inbox) == 2)
            assert asyncio.get_running_loop().time() - sent < 0.06
            assert second.inbox == ["lost", "found"]

        quiet_scene(play)

    def test_the_window_of_the_peer_is_kept(self):
        async def play(link, first, second, tap):
            second.association._advertised_rwnd = 0  # a receiver that has no room
            for _ in range(100):
                first.channel.send("x" * 1000)
            await asyncio.sleep(1)
            assert len(first.association._sent_queue) == 1  # a probe, which may go
            assert len(second.inbox) < 60
            second.association._advertised_rwnd = WINDOW
            await simulated_until(lambda: len(second.inbox) == 100)

        quiet_scene(play)

    def test_what_a_receiver_has_dropped_again_is_sent_again(self):
        async def play(link, first, second, tap):
            tell = second.association._acknowledgement
            link.loss = 1
            first.channel.send("lost")
            await asyncio.sleep(0.005)
            link.loss = 0
            first.channel.send("dropped")
            await asyncio.sleep(0.012)  # it has arrived, and the acknowledgement is under way
            second.association._sack_misordered.clear()
            second.association._inbound_streams[first.channel.id].reassembly.clear()
            assert tell()
            await simulated_until(lambda: len(second.inbox) == 2)
            assert second.inbox == ["lost", "dropped"]

        quiet_scene(play)


class TestPartialReliability:
    # Not to aiortc: where what is given up is followed by whole messages, it drops those, and the stream stands still.
    @pytest.mark.parametrize("kinds", [("fast", "fast"), ("aiortc", "fast")], ids=" to ".join)
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize(
        "options",
        [{"maxRetransmits": 0}, {"maxRetransmits": 1, "ordered": False}, {"maxPacketLifeTime": 300}],
        ids=["never again", "once, unordered", "for 300 ms"],
    )
    def test_some_messages_may_be_missing_but_none_is_wrong(self, kinds, options, seed):
        async def scene() -> None:
            link = FaultyLink(seed)
            first, second = await connect(link, kinds, **options)
            reliable = RTCDataChannel(first.association, RTCDataChannelParameters(label="two"))
            await simulated_until(lambda: reliable.readyState == "open")
            link.loss = 0.2
            for number in range(200):
                first.channel.send(f"{number:04}" * 300)
                reliable.send(f"{number:04}")
                await asyncio.sleep(0.01)
            arrived = second.inbox
            await simulated_until(lambda: [m for m in arrived if len(m) == 4] == [f"{n:04}" for n in range(200)])
            link.loss = 0
            await asyncio.sleep(60)
            first.channel.send("last")
            await simulated_until(lambda: "last" in arrived)
            some = [message for message in arrived if len(message) == 1200]
            assert set(some) <= {f"{number:04}" * 300 for number in range(200)}
            assert len(set(some)) == len(some) > 0
            if options.get("ordered", True):
                assert some == sorted(some)
            await disconnect(first, second)

        run_simulated(scene)


class TestMemory:
    """Peers that send what can never be delivered."""

    def test_fragments_without_end_are_cut(self):
        async def play(link, first, second, tap):
            tsn = second.association._last_received_tsn
            for number in range(20_000):
                await send_chunk(first, 0 if number else SCTP_DATA_FIRST_FRAG, tsn + 1 + number, size=1)
                if not number % 100:
                    await asyncio.sleep(0.001)
            await asyncio.sleep(1)
            assert second.failed == ["Message too large"]
            waiting = second.association._inbound_streams[0].reassembly
            assert len(waiting) < 10_000

        quiet_scene(play)

    @pytest.mark.parametrize(
        "flags", [0, SCTP_DATA_FIRST_FRAG, SCTP_DATA_UNORDERED | 3], ids=["middle", "first", "whole"]
    )
    def test_what_comes_beyond_a_gap_is_bounded_and_harms_nothing(self, flags):
        async def play(link, first, second, tap):
            tsn = second.association._last_received_tsn
            for number in range(3000):
                await send_chunk(first, flags, tsn + 3 + 2 * number, size=1)
                if not number % 100:
                    await asyncio.sleep(0.001)
            await asyncio.sleep(1)
            assert second.failed == []
            assert len(second.association._sack_misordered) <= MAX_BEYOND_GAP
            assert min(sack.advertised_rwnd for _, sack in tap.sacks()) >= 0

        quiet_scene(play)

    def test_streams_without_end_are_cut(self):
        async def play(link, first, second, tap):
            tsn = second.association._last_received_tsn
            for number in range(100):
                chunk = DataChunk(flags=SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG)
                chunk.tsn, chunk.stream_id, chunk.protocol = (tsn + 1 + number) & 0xFFFFFFFF, 10 + number, 99
                chunk.user_data = b"x"
                await first.association._send_chunk(chunk)
            await asyncio.sleep(1)
            assert second.failed == ["Too many channels"]

        quiet_scene(play)


class TestSwitch:
    async def test_it_is_on_and_can_be_off(self):
        for on in (True, False):
            events = EchoEvents()
            async with engine(fast_path=on) as rtc, connected(rtc, events) as (client, peer, [channel]):
                channel.send("hello")
                assert await client.next("one") == "hello"
                assert isinstance(peer._dtls, FastDtls) is isinstance(peer._sctp, FastSctp) is on

    @pytest.mark.parametrize("unfit", ["a release that is not known", "an OpenSSL module with another inside"])
    async def test_unknown_libraries_fall_back_to_stock_with_a_warning(self, unfit, monkeypatch, capsys):
        if "release" in unfit:
            monkeypatch.setitem(versions.FAST_PATH_FITS, "aiortc", {"1.15.0"})
        else:
            monkeypatch.setattr(versions.dtls, "missing", lambda: ["SSL_read"])
        async with engine() as rtc, connected(rtc, EchoEvents()) as (client, peer, [channel]):
            channel.send("hello")
            assert await client.next("one") == "hello"
            assert not isinstance(peer._sctp, FastSctp)
        assert "webrtc.fast_path_off" in capsys.readouterr().out
