"""Several datagrams by one system call: the kernel cuts them (UDP_SEGMENT of Linux 4.18 and later, udp(7))."""

from __future__ import annotations

import socket
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UDP_SEGMENT = 103  # linux/udp.h; the socket module lacks it
MOST = 64
"""Datagrams that the kernel cuts from one piece; together they must fit into what a datagram may have."""
MOST_BYTES = 65_000
_SIZE = Struct("=H")


def can_segment(sock: socket.socket) -> bool:
    """Whether this system can; an older one would send the piece as it is."""
    try:
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    except OSError:
        return False
    return True


def runs(datagrams: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Divide datagrams, in their order, into those that can go together: all as long as the first, the last at most."""
    run: list[bytes] = []
    for datagram in datagrams:
        if run and not _goes_on(run, datagram):
            yield run
            run = []
        run.append(datagram)
    if run:
        yield run


def _goes_on(run: list[bytes], datagram: bytes) -> bool:
    size = len(run[0])
    has_room = len(run) < MOST and size * (len(run) + 1) <= MOST_BYTES
    return has_room and len(run[-1]) == size and len(datagram) <= size


def send_run(sock: socket.socket, run: list[bytes], address: tuple[str, int]) -> bool:
    """Send a run at once. False if that can't be now, or not at all, as where it has to be fragmented."""
    try:
        sock.sendmsg(run, [(socket.IPPROTO_UDP, UDP_SEGMENT, _SIZE.pack(len(run[0])))], 0, address)
    except OSError:
        return False
    return True
