"""Runs aiortc's coroutines without a task."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any


def run_inline(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end at once. What aiortc does with a packet waits for nothing but its sending.

    Raises what it raises, and RuntimeError if it does wait.
    """
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} was to run without waiting")
