"""Development: load scripts anew when their files change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

_PERIOD = 0.5
"""Seconds between two looks. Editors replace files, which file watchers of the system take for an end."""


async def watch(files: Callable[[], list[Path]], changed: Callable[[], Awaitable[object]]) -> None:
    """Call ``changed`` whenever one of the files was written, for ever; ``files`` is asked at each look."""
    seen = _stamps(files())
    while True:
        await asyncio.sleep(_PERIOD)
        if _stamps(seen) != seen:
            await changed()
            seen = _stamps({*seen, *files()})


def _stamps(files: Iterable[Path]) -> dict[Path, int]:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
