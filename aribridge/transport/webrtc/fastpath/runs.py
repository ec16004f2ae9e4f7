"""Which packets can go to the kernel in one piece, for it to cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST = 64
"""Datagrams that Linux cuts from one piece; together they must fit into what a datagram may have."""
MOST_BYTES = 60_000
"""Less than a datagram may have (65,507) by what encryption adds to so many packets."""


def runs(packets: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Divide packets, in their order, into those that can go together: all as long as the first, the last at most."""
    start = 0
    while start < len(packets):
        stop = _end(packets, start)
        yield packets[start:stop]
        start = stop


def _end(packets: Sequence[bytes], start: int) -> int:
    size = len(packets[start])
    most = min(len(packets), start + max(1, min(MOST, MOST_BYTES // size)))
    stop = start + 1
    while stop < most and len(packets[stop]) <= size:
        stop += 1
        if len(packets[stop - 1]) < size:
            break
    return stop
