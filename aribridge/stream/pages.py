"""A snapshot in parts, each small enough for one frame of its client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog

from aribridge.core.state.changes import Item, Selects, encoded
from aribridge.core.state.kinds import KINDS
from aribridge.protocol import encode
from aribridge.stream.log import Log

log = structlog.get_logger("aribridge.stream")

_FRAME = len(encode.snapshot(2**53, "x" * 32, 2**53, 2**53, {kind: [] for kind in KINDS}, last=False))
"""Bytes of a part without any object."""


def pages(source: Log, sub: int, selects: Selects, most: int, looks: int) -> Iterator[str | None]:
    """The snapshot messages of the selected objects as they are now; they are encoded as they are taken.

    An object that does not fit in a frame is not among them, which a gap says then. None comes after each ``looks``
    objects, so that others have their turn.
    """
    return _pages(source.frozen(), source.position, sub, selects, most, looks)


def _pages(
    items: tuple[Item, ...], position: dict[str, Any], sub: int, selects: Selects, most: int, looks: int
) -> Iterator[str | None]:
    epoch, seq = position["epoch"], position["seq"]
    number, size, page, is_whole = 1, _FRAME, _empty(), True
    for looked_at, item in enumerate(items, 1):
        if looked_at % looks == 0:
            yield None
        if not selects(item.labels):
            continue
        member = f"{encoded(item.id)}:{item.text}"
        length = encode.size(member) + 1
        if _FRAME + length > most:
            log.warning("snapshot.object_too_large", kind=item.kind, id=item.id, bytes=length, most=most)
            is_whole = False
            continue
        if size + length > most:
            yield encode.snapshot(sub, epoch, seq, number, page, last=False)
            number, size, page = number + 1, _FRAME, _empty()
        page[item.kind].append(member)
        size += length
    yield encode.snapshot(sub, epoch, seq, number, page, last=True)
    if not is_whole:
        yield encode.gap(sub, position, position, "event_too_large", "live")


def _empty() -> dict[str, list[str]]:
    return {kind: [] for kind in KINDS}
