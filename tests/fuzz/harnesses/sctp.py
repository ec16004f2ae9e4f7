"""An SCTP association with a hostile peer: packets into a live one, or into one that waits for its first.

Time is simulated, DTLS, ICE and UDP are left out. An input is a row of steps, so that what is mutated arrives with the
right checksum, tag and TSN, and is looked at.
"""

from __future__ import annotations

import asyncio
from struct import pack, unpack_from
from typing import Any

from aiortc.rtcsctptransport import SCTP_STATE_COOKIE, InitAckChunk, RTCSctpCapabilities, parse_packet
from fuzz.scenes import steps
from transport.faulty_link import FaultyEnd, FaultyLink, Side, connect, run_simulated

from aribridge.transport.webrtc.fastpath.wire import Header, sack
from aribridge.transport.webrtc.sctp import CHUNK_COST, MAX_BEYOND_GAP, STREAMS_PER_CHANNEL

LONGEST = 2048
SECONDS = 2.0  # 64 steps of 255 packets each
CHANNELS = 8  # what Side allows
REASONS = {"SCTP error", "Message too large", "Too many channels", "Close PC"}
PACKETS_PER_STEP = 600
"""Most packets that one step may be answered with: a SACK for each of 255 copies, and retransmissions."""


def try_one(data: bytes) -> None:
    """The first byte: bit 0 the stock path, bit 1 before the handshake. Then steps."""
    if data:
        run_simulated(lambda: _scene(data[0], data[1:]))


class Wire(FaultyLink):
    """A link that can be cut; what comes to the cut is looked at by the hostile peer."""

    def __init__(self) -> None:
        super().__init__(0)
        self.is_cut = False
        self.last = b""

    def carry(self, source: FaultyEnd, data: bytes, *, may_fragment: bool = False) -> None:
        self.last = data
        if not self.is_cut:
            super().carry(source, data, may_fragment=may_fragment)


async def _scene(mode: int, script: bytes) -> None:
    link = Wire()
    kind = "plain" if mode & 1 else "fast"
    if mode & 2:
        side = Side(kind, link.ends[0])
        await side.association.start(RTCSctpCapabilities(maxMessageSize=262_144), 5000)
    else:
        side, other = await connect(link, (kind, "aiortc"))
        link.is_cut = True
        await other.association.stop()
    link.is_cut = True
    peer = HostilePeer(side, link)
    for step, payload in steps(script):
        before = link.packets
        await peer.play(step, payload)
        await asyncio.sleep(0)
        assert link.packets - before <= PACKETS_PER_STEP, f"{link.packets - before} packets for one step"
        _check(side)
    await asyncio.sleep(1)
    _check(side)
    await side.association.stop()
    await asyncio.sleep(300)
    assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()
    assert link.packets < 4 * peer.packets + 1000


def _check(side: Side) -> None:
    assert set(side.failed) <= REASONS, side.failed
    assert len(side.failed) <= 1, side.failed
    association = side.association
    waiting = [chunk for stream in association._inbound_streams.values() for chunk in stream.reassembly]
    assert sum(len(chunk.user_data) for chunk in waiting) <= 2 * association._window + 65_536
    assert len(waiting) <= 2 * association._window // CHUNK_COST + 1
    assert len(association._inbound_streams) <= STREAMS_PER_CHANNEL * CHANNELS + 2
    assert association.channels <= 2 * CHANNELS + 1
    assert len(association._sack_misordered) <= MAX_BEYOND_GAP + 1
    assert len(association._sack_duplicates) <= 70_000


class HostilePeer:
    """What is at the other end of the association."""

    def __init__(self, side: Side, link: Wire) -> None:
        self._side = side
        self._link = link
        self.packets = 0
        self._association = side.association
        self._plays = (
            self._raw, self._chunks, self._chunk, self._data, self._copies, self._sack, self._wait, self._talk,
            self._cookie,
        )  # fmt: skip

    async def play(self, step: int, payload: bytes) -> None:
        await self._plays[step % len(self._plays)](payload)

    @property
    def _next_tsn(self) -> int:
        return ((self._association._last_received_tsn or 0) + 1) & 0xFFFFFFFF

    def _arrive(self, chunks: bytes, tag: int | None = None) -> None:
        association = self._association
        tag = association._local_verification_tag if tag is None else tag
        self.packets += 1
        header = Header(association._remote_port, association._local_port, tag)
        association.transport.arrive(header.packet(chunks))

    async def _raw(self, payload: bytes) -> None:
        """A packet as it is."""
        self._association.transport.arrive(payload)

    async def _chunks(self, payload: bytes) -> None:
        """A packet of these chunks as they are, of an INIT without a tag."""
        self._arrive(payload, tag=0 if payload[:1] == b"\1" else None)

    async def _chunk(self, payload: bytes) -> None:
        """One chunk, whose length is right."""
        if len(payload) >= 2:
            body = payload[2:]
            chunk = pack("!BBH", payload[0], payload[1], 4 + len(body)) + body + bytes(-len(body) % 4)
            self._arrive(chunk, tag=0 if payload[0] == 1 else None)

    async def _data(self, payload: bytes) -> None:
        """The next message or fragment: flags, distance of its TSN, stream, sequence, protocol (1 byte), content."""
        if len(payload) >= 7:
            flags, ahead, stream, sequence, protocol = unpack_from("!BbHHB", payload)
            self._send(flags, ahead, stream, sequence, protocol, payload[7:])

    async def _copies(self, payload: bytes) -> None:
        """Many: how many, how far apart their TSNs, and those of their streams; size in 16 bytes; flags, protocol."""
        if len(payload) >= 6:
            count, apart, streams, size, flags, protocol = payload[:6]
            for number in range(count):
                stream = number * streams & 0xFFFF
                self._send(flags, number * (apart % 4) if apart else 0, stream, number, protocol, bytes(16 * size))

    async def _sack(self, payload: bytes) -> None:
        """An acknowledgement: distance from the last TSN that was sent, window, gaps."""
        if len(payload) >= 5:
            ahead, window = unpack_from("!bL", payload)
            gaps = [unpack_from("!HH", payload, at) for at in range(5, len(payload) - 3, 4)]
            cumulative = (self._association._local_tsn - 1 + ahead) & 0xFFFFFFFF
            self._arrive(sack(cumulative, window, gaps, []))

    async def _wait(self, payload: bytes) -> None:
        """Time passes, in tenths of a second."""
        await asyncio.sleep(sum(payload[:1]) / 10)

    async def _talk(self, payload: bytes) -> None:
        """The gateway says something on the channel that is open, 64 bytes for each."""
        channel: Any = getattr(self._side, "channel", None)
        if channel is not None and channel.readyState == "open":
            channel.send(bytes(64 * sum(payload[:2])))

    async def _cookie(self, payload: bytes) -> None:
        """The cookie of the INIT ACK that was sent last is brought back, with something behind it."""
        if len(self._link.last) > 12 and self._link.last[12] == InitAckChunk.type:
            [chunk] = parse_packet(self._link.last)[3]
            cookie = dict(chunk.params).get(SCTP_STATE_COOKIE, b"") + payload
            self._arrive(pack("!BBH", 10, 0, 4 + len(cookie)) + cookie + bytes(-len(cookie) % 4))

    def _send(self, flags: int, ahead: int, stream: int, sequence: int, protocol: int, content: bytes) -> None:
        tsn = (self._next_tsn + ahead) & 0xFFFFFFFF
        body = pack("!LHHL", tsn, stream, sequence, protocol) + content
        self._arrive(pack("!BBH", 0, flags, 4 + len(body)) + body + bytes(-len(body) % 4))
