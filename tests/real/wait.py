"""Waiting for a condition instead of sleeping for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


async def until(condition: Callable[[], Any], *, within: float = 30.0, every: float = 0.05, what: str = "") -> Any:
    """Wait until `condition()` (plain or async) is true and return it; AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what or condition}; last seen: {value!r}")
        await asyncio.sleep(every)
