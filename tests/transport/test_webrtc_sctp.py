"""What a peer may send an association, late, twice or in pieces, in simulated time (RFC 9260, 3758 and 6525)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    WEBRTC_BINARY,
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    InitChunk,
    ReconfigChunk,
    parse_packet,
)
from faulty_link import FaultyLink, Side, connect, disconnect, run_simulated, simulated_until

from aribridge.transport.webrtc.fastpath.wire import SACK_IMMEDIATELY, sack

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST, LAST, WHOLE = SCTP_DATA_FIRST_FRAG, SCTP_DATA_LAST_FRAG, SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG

BOTH = [("fast", "fast"), ("fast", "stock")]
REQUEST, ANSWER = 13, 16
"""To reset streams (RFC 6525 section 4)."""


def is_reset(chunk: Any, kind: int) -> bool:
    return isinstance(chunk, ReconfigChunk) and chunk.params[0][0] == kind


class Faults:
    """Packets of the first end that are lost, or kept to arrive late, because a chunk of theirs is of a kind."""

    def __init__(self, link: FaultyLink) -> None:
        self.lose: Callable[[Any], bool] = lambda _: False
        self.kept: list[bytes] = []
        self._carry, self._end = link.carry, link.ends[0]
        link.carry = self._carrying  # type: ignore[method-assign]

    def _carrying(self, source: Any, data: bytes, **how: Any) -> None:
        if source is self._end and any(self.lose(chunk) for chunk in parse_packet(data)[3]):
            self.kept.append(data)
        else:
            self._carry(source, data, **how)


def scene(
    play: Callable[[FaultyLink, Faults, Side, Side], Any], kinds: tuple[str, str] = ("fast", "fast"), **options: Any
) -> None:
    """Play with two connected sides that have nothing more to say."""

    async def played() -> None:
        link = FaultyLink(8)
        faults = Faults(link)
        sides = await connect(link, kinds, **options)
        await asyncio.sleep(1)
        await play(link, faults, *sides)
        assert [side.failed for side in sides] == [[], []]
        await disconnect(*sides)

    run_simulated(played)


class Fragment(DataChunk):
    """A byte of a binary message on the first stream."""

    def __init__(self, flags: int, tsn: int, data: bytes = b"x", seq: int = 0) -> None:
        super().__init__(flags=flags)
        self.tsn, self.stream_id, self.stream_seq, self.protocol = tsn & 0xFFFFFFFF, 0, seq, WEBRTC_BINARY
        self.user_data = data


class GivenUp(ForwardTsnChunk):
    """That nothing more comes up to a TSN."""

    def __init__(self, tsn: int, *streams: tuple[int, int]) -> None:
        super().__init__()
        self.cumulative_tsn, self.streams = tsn & 0xFFFFFFFF, list(streams)


class Teller:
    """Says things that no association of ours would say, in the name of the first side."""

    def __init__(self, first: Side, second: Side) -> None:
        self._association = first.association
        self._base = second.association._last_received_tsn

    async def say(self, offset: int, text: bytes, flags: int = WHOLE | SCTP_DATA_UNORDERED, seq: int = 0) -> None:
        await self._association._send_chunk(Fragment(flags, self._base + offset, text, seq))

    async def give_up(self, offset: int, *streams: tuple[int, int]) -> None:
        await self._association._send_chunk(GivenUp(self._base + offset, *streams))
        await asyncio.sleep(0.1)


class TestWhatIsGivenUp:
    """RFC 3758 section 3.6: what is whole goes on, whatever came to nothing before it."""

    def test_an_unordered_message_behind_half_a_one_arrives(self):
        async def play(link, faults, first, second):
            teller = Teller(first, second)
            await teller.say(1, b"half ", FIRST | SCTP_DATA_UNORDERED)
            await teller.say(3, b"whole")
            await asyncio.sleep(0.1)
            assert second.inbox == [b"whole"]
            await teller.say(5, b"half ", FIRST | SCTP_DATA_UNORDERED)
            await teller.say(7, b"two ", FIRST | SCTP_DATA_UNORDERED)
            await teller.say(8, b"halves", LAST | SCTP_DATA_UNORDERED)
            await asyncio.sleep(0.1)
            assert second.inbox == [b"whole", b"two halves"]
            await teller.give_up(6)
            assert second.inbox == [b"whole", b"two halves"]

        scene(play)

    def test_ordered_messages_that_arrived_between_those_are_delivered(self):
        async def play(link, faults, first, second):
            teller = Teller(first, second)
            seq = second.association._inbound_streams[0].sequence_number
            await teller.say(1, b"half", FIRST, seq)
            await teller.say(3, b"one", WHOLE, seq + 1)
            await teller.say(5, b"tw", FIRST, seq + 3)
            await teller.say(6, b"o", LAST, seq + 3)
            await teller.say(8, b"three", WHOLE, seq + 5)
            await asyncio.sleep(0.1)
            assert second.inbox == []
            await teller.give_up(7, (0, seq + 4))
            assert second.inbox == [b"one", b"two", b"three"]

        scene(play)

    def test_what_follows_a_message_that_is_given_up_waits_for_no_timer(self):
        async def play(link, faults, first, second):
            link.loss = 1
            sent = asyncio.get_running_loop().time()
            first.channel.send("lost")
            await asyncio.sleep(0.005)
            link.loss = 0
            for number in range(5):
                first.channel.send(f"{number}")
                await asyncio.sleep(0.001)
            await simulated_until(lambda: len(second.inbox) == 5)
            assert asyncio.get_running_loop().time() - sent < 0.1

        scene(play, maxRetransmits=0)

    def test_a_lifetime_of_nothing_is_one_try(self):
        async def play(link, faults, first, second):
            link.loss = 1
            first.channel.send("lost")
            await asyncio.sleep(0.005)
            link.loss = 0
            await asyncio.sleep(1)
            first.channel.send("found")
            await simulated_until(lambda: second.inbox)
            assert second.inbox == ["found"]

        scene(play, maxPacketLifeTime=0)

    def test_what_was_given_up_before_takes_no_stream_back(self):
        async def play(link, faults, first, second):
            teller = Teller(first, second)
            seq = second.association._inbound_streams[0].sequence_number
            await teller.say(1, b"one", WHOLE, seq)
            await teller.say(2, b"two", WHOLE, seq + 1)
            await teller.give_up(3, (0, seq))
            await teller.say(4, b"three", WHOLE, seq + 2)
            await asyncio.sleep(0.1)
            assert second.inbox == [b"one", b"two", b"three"]

        scene(play)


def test_what_is_too_far_ahead_to_be_told_does_no_harm():
    """A gap is told in 16 bits."""

    async def play(link, faults, first, second):
        teller = Teller(first, second)
        await teller.say(70_000, b"far")
        await teller.say(3, b"near")
        await teller.say(1, b"next")
        await asyncio.sleep(0.1)
        assert second.inbox == [b"far", b"near", b"next"]

    scene(play)


def test_who_wants_to_know_at_once_is_told():
    """The I bit (RFC 7053)."""

    async def play(link, faults, first, second):
        sent = link.ends[1].sent
        await Teller(first, second).say(1, b"urgent", WHOLE | SCTP_DATA_UNORDERED | SACK_IMMEDIATELY)
        await asyncio.sleep(0.011)
        assert link.ends[1].sent - sent == 1

    scene(play)


@pytest.mark.parametrize("flags", [0, FIRST, LAST, SCTP_DATA_UNORDERED, SCTP_DATA_UNORDERED | LAST])
def test_fragments_that_never_fit_together_cost_little(flags):
    """As many as may wait, given up and sent anew: 85 packets, each held the process up for some 10 ms."""

    async def play(link, faults, first, second):
        packet, association = first.association._outbound_header.packet, second.association
        tsn, took = association._last_received_tsn, 0.0
        for _ in range(5):
            for _ in range(17):
                tsns = [(tsn + 2 * number) & 0xFFFFFFFF for number in range(1, 61)]
                tsn = tsns[-1]
                chunks = [bytes(Fragment(flags, number)) for number in tsns]
                began = time.process_time()
                association.take(packet(*chunks))
                took += time.process_time() - began
            assert len(association._inbound_streams[0].reassembly) > 1000
            tsn += 1
            association.take(packet(bytes(GivenUp(tsn))))
            assert not association._inbound_streams[0].reassembly
        assert took < 0.3

    scene(play)


class TestLateAndTwice:
    def test_an_acknowledgement_that_is_older_than_another_is_not_believed(self):
        async def play(link, faults, first, second):
            for number in range(3):
                first.channel.send(f"{number}")
                await asyncio.sleep(0.5)
            packet, acknowledged = second.association._outbound_header.packet, first.association._last_sacked_tsn
            link.carry(link.ends[1], packet(sack(acknowledged - 1 & 0xFFFFFFFF, 0, [], [])))
            await asyncio.sleep(0.1)
            before = link.ends[0].sent
            first.channel.send("x" * 3000)
            await asyncio.sleep(0.005)
            assert link.ends[0].sent - before >= 3  # as the peer had room, in what it said last

        scene(play)

    @pytest.mark.parametrize("kinds", BOTH, ids=" to ".join)
    def test_a_handshake_that_begins_again_changes_nothing(self, kinds):
        """The peer's INIT was delayed, while ours has made the association."""

        async def played() -> None:
            link = FaultyLink(9)
            faults = Faults(link)
            faults.lose = lambda chunk: isinstance(chunk, InitChunk) and not faults.kept
            sides = await connect(link, kinds)
            texts = [f"{number}" * 300 for number in range(100)]
            for text in texts:
                sides[0].channel.send(text)
                if text == texts[10]:
                    await asyncio.sleep(0.1)
                    link.carry(link.ends[0], *faults.kept)
                    await asyncio.sleep(0.1)
            await asyncio.sleep(5)
            assert sides[1].inbox == texts
            assert [side.failed for side in sides] == [[], []]
            await disconnect(*sides)

        run_simulated(played)

    @pytest.mark.parametrize("kinds", BOTH, ids=" to ".join)
    @pytest.mark.parametrize("how", [{}, {"negotiated": True, "id": 0}], ids=["announced", "negotiated"])
    def test_a_stream_is_used_again_while_the_word_that_it_is_free_is_lost(self, kinds, how):
        async def play(link, faults, first, second):
            faults.lose = lambda chunk: not faults.kept and is_reset(chunk, ANSWER)
            first.channel.close()
            await simulated_until(lambda: first.channel.readyState == "closed")
            first.watch(RTCDataChannel(first.association, RTCDataChannelParameters(label="again", **how)))
            await simulated_until(lambda: first.channel.readyState == "open")
            for number in range(20):
                first.channel.send(f"{number}")
                await asyncio.sleep(0.1)
                second.channel.send(f"{number}")
            await asyncio.sleep(1)
            assert first.channel.id == 0
            assert first.inbox == second.inbox == [f"{number}" for number in range(20)]

        scene(play, kinds)

    @pytest.mark.parametrize("kinds", BOTH, ids=" to ".join)
    def test_the_wish_to_close_that_overtakes_the_last_words_waits_for_them_alone(self, kinds):
        async def play(link, faults, first, second):
            faults.lose = lambda chunk: isinstance(chunk, DataChunk) and not faults.kept
            first.channel.send("last words")
            await asyncio.sleep(0.005)
            first.channel.close()
            await asyncio.sleep(0.02)
            came = asyncio.get_running_loop().time()
            link.carry(link.ends[0], *faults.kept)
            await simulated_until(lambda: first.channel.readyState == "closed")
            assert second.inbox == ["last words"]
            assert asyncio.get_running_loop().time() - came < 0.1

        scene(play, kinds)

    @pytest.mark.parametrize("kinds", BOTH, ids=" to ".join)
    def test_the_wish_to_close_that_comes_late_closes_no_later_channel(self, kinds):
        async def play(link, faults, first, second):
            faults.lose = lambda chunk: not faults.kept and is_reset(chunk, REQUEST)
            first.channel.close()
            await simulated_until(lambda: first.channel.readyState == "closed")
            for label in ("again", "other"):
                first.watch(RTCDataChannel(first.association, RTCDataChannelParameters(label=label)))
                await simulated_until(lambda: first.channel.readyState == "open")
            first.channel.close()
            await simulated_until(lambda: first.channel.readyState == "closed")
            link.carry(link.ends[0], *faults.kept)
            await asyncio.sleep(5)
            assert [channel.label for channel in first.association._data_channels.values()] == ["again"]

        scene(play, kinds)


@pytest.mark.parametrize(("kind", "arrives"), [(0x3F, False), (0x7F, False), (0x80, True), (0xC1, True)])
def test_what_comes_behind_an_unknown_chunk_is_taken_if_its_type_allows(kind, arrives):
    """RFC 9260 section 3.2: its highest bit says so."""

    async def play(link, faults, first, second):
        association = first.association
        unknown = Chunk(body=b"what?")
        unknown.type = kind
        data = Fragment(WHOLE | SCTP_DATA_UNORDERED, association._local_tsn, b"hello")
        link.carry(link.ends[0], association._outbound_header.packet(bytes(unknown), bytes(data)))
        await asyncio.sleep(1)
        assert second.inbox == [b"hello"] * arrives

    scene(play)
