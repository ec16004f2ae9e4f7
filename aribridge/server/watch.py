"""Development: load scripts anew when their files change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

_PERIOD = 0.5
"""Seconds between two looks. Editors replace files, which file watchers of the system take for an end."""

_Stamp = tuple[int, int]
"""When it was written, and its length: a file that is emptied and filled within the tick of a clock differs in that."""


async def watch(files: Callable[[], list[Path]], changed: Callable[[], Awaitable[object]]) -> None:
    """Call ``changed`` whenever one of the files was written, for ever; ``files`` is asked at each look."""
    seen = _stamps(files())
    while True:
        await asyncio.sleep(_PERIOD)
        found = _stamps(seen)
        if found != seen:
            await changed()
            # What is written while others are loaded may have been read before: it is for the next look.
            seen = _stamps(files()) | found


def _stamps(files: Iterable[Path]) -> dict[Path, _Stamp]:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
