"""Where a lone ping over a data channel is at which time: with the browser, the server or Asterisk.

A packet socket (packet(7), for root only) keeps what passes over loopback with the kernel's time of it. It is read
after the pings, so that it takes nothing from them.
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import psutil

from bench.duel import sides
from bench.figures import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.duel import Side
    from bench.lab import Lab

TIMES = 4_000
ETH_P_ALL = 3
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
"""socket(7); Python has no names for them."""
ROOM = 256 << 20
MOST_OF_ONE = 1 << 16
MOST_OF_AN_ACK = 100
"""Bytes of a DTLS record: a SACK has fewer, a ping and its answer have more."""
ASKED, TO_ASTERISK, FROM_ASTERISK, ANSWERED = range(4)
PARTS = (
    "the server, from the browser to Asterisk",
    "Asterisk",
    "the server, from Asterisk to the browser",
    "the browser, from an answer to the next ping",
)
WHOLE = "the whole"


class Packet(NamedTuple):
    """``at`` is in seconds, ``size`` that of what TCP or UDP carries."""

    at: float
    protocol: int
    source: int
    destination: int
    size: int


async def trips(lab: Lab) -> dict[str, dict[str, list[float]]]:
    """For the gateway and Janus, and each part: its p50 and p99 in milliseconds."""
    port = urlsplit(lab.asterisk.ari_url).port
    assert port is not None
    return {name: await _trip(lab, side, port) for name, side in zip(("gateway", "Janus"), sides(lab), strict=True)}


async def _trip(lab: Lab, side: Side, asterisk: int) -> dict[str, list[float]]:
    async with side.page(lab, 1) as (page, _):
        await page.evaluate("(times) => latencies('ping', times)", TIMES // 4)  # so that caches are warm
        with _kept() as tap:
            await page.evaluate("(times) => latencies('ping', times)", TIMES)
            packets = list(_packets(tap))
        ports = {connection.laddr.port for connection in psutil.Process(side.pid).net_connections("inet")}
    marks = [(packet.at, kind) for packet in packets if (kind := _kind(packet, ports, asterisk)) is not None]
    passed = list(_in_order(marks))
    found = {part: [after[i] - after[i - 1] for after in passed] for i, part in enumerate(PARTS, 1)}
    found[WHOLE] = [times[-1] - times[0] for times in passed]
    return {part: [1000 * at(50, seconds), 1000 * at(99, seconds)] for part, seconds in found.items()}


@contextmanager
def _kept() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as tap:
        tap.bind(("lo", ETH_P_ALL))
        tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        tap.setblocking(False)
        yield tap


def _packets(tap: socket.socket) -> Iterator[Packet]:
    while True:
        try:
            data, ((_, _, stamp), *_), _, (_, _, direction, *_) = tap.recvmsg(MOST_OF_ONE, 64)
        except BlockingIOError:
            return
        seconds, nanoseconds = struct.unpack("qq", stamp)
        head, protocol = ((data[0] & 15) * 4, data[9]) if data[0] >> 4 == 4 else (40, data[6])
        if direction != socket.PACKET_OUTGOING and protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
            source, destination = struct.unpack_from("!HH", data, head)
            own = 8 if protocol == socket.IPPROTO_UDP else (data[head + 12] >> 4) * 4
            yield Packet(seconds + nanoseconds / 1e9, protocol, source, destination, len(data) - head - own)


def _kind(packet: Packet, ports: set[int], asterisk: int) -> int | None:
    """What a packet is to a ping, None for nothing; ``ports`` are the server's."""
    if packet.protocol == socket.IPPROTO_UDP:
        if packet.size <= MOST_OF_AN_ACK:
            return None
        return ASKED if packet.destination in ports else ANSWERED if packet.source in ports else None
    if packet.size and packet.destination == asterisk and packet.source in ports:
        return TO_ASTERISK
    return FROM_ASTERISK if packet.size and packet.source == asterisk and packet.destination in ports else None


def _in_order(marks: list[tuple[float, int]]) -> Iterator[list[float]]:
    """The times of each ping that went its way, the last of them that of the next ping."""
    starts = [number for number, (_, kind) in enumerate(marks) if kind == ASKED]
    for start, end in pairwise(starts):
        if [kind for _, kind in marks[start:end]] == [ASKED, TO_ASTERISK, FROM_ASTERISK, ANSWERED]:
            yield [when for when, _ in marks[start : end + 1]]
