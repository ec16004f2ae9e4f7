"""Several datagrams by one system call: the kernel cuts them (UDP_SEGMENT of Linux 4.18 and later, udp(7))."""

from __future__ import annotations

import socket
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

UDP_SEGMENT = 103  # linux/udp.h; the socket module lacks it
_SIZE = Struct("=H")
_MTU_DISCOVER = {socket.AF_INET: (socket.IPPROTO_IP, 10), socket.AF_INET6: (socket.IPPROTO_IPV6, 23)}
"""IP_MTU_DISCOVER and IPV6_MTU_DISCOVER (linux/in.h, linux/in6.h), which the socket module lacks."""
_DONT, _PROBE = 0, 3


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


def send_lone(sock: socket.socket, datagram: bytes, address: tuple[str, int], *, may_fragment: bool) -> None:
    """Send a datagram that nobody may fragment, or everybody (ip(7)), whatever is known of the way; or lose it."""
    level, option = _MTU_DISCOVER[sock.family]
    try:
        usual = sock.getsockopt(level, option)
        sock.setsockopt(level, option, _DONT if may_fragment else _PROBE)
        try:
            sock.sendto(datagram, address)
        finally:
            sock.setsockopt(level, option, usual)
    except OSError:
        return
