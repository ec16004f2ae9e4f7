"""Several datagrams by one system call: the kernel cuts them (UDP_SEGMENT of Linux 4.18 and later, udp(7))."""

from __future__ import annotations

import socket
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

UDP_SEGMENT = 103  # linux/udp.h; the socket module lacks it
_SIZE = Struct("=H")


def can_segment(sock: socket.socket) -> bool:
    """Whether this system can; an older one would send the piece as it is."""
    try:
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    except OSError:
        return False
    return True


def cut(datagrams: bytes, size: int) -> Iterator[bytes]:
    """The datagrams that stand end to end, each of ``size`` bytes, the last one of as many at most."""
    return (datagrams[start : start + size] for start in range(0, len(datagrams), size))


def send_run(sock: socket.socket, datagrams: bytes, size: int, address: tuple[str, int]) -> bool:
    """Send datagrams, end to end as for `cut`, at once.

    False if that can't be now, or not at all, as where one has to be fragmented.
    """
    segment = [(socket.IPPROTO_UDP, UDP_SEGMENT, _SIZE.pack(size))] if len(datagrams) > size else []
    try:
        sock.sendmsg((datagrams,), segment, 0, address)
    except OSError:
        return False
    return True
