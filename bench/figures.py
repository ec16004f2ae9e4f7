"""Timing many calls and saying what came out."""

from __future__ import annotations

import asyncio
import time
from statistics import quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def latency(call: Callable[[], Awaitable[Any]], count: int) -> str:
    """One call at a time."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        await call()
        times.append(1000 * (time.perf_counter() - started))
    return spread(times)


async def rate(call: Callable[[], Awaitable[Any]], count: int, inflight: int = 16) -> str:
    """Calls per second with several in flight."""

    async def worker() -> None:
        for _ in range(count // inflight):
            await call()

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(inflight)))
    return f"{count / (time.perf_counter() - started):,.0f}/s"


def spread(milliseconds: list[float]) -> str:
    """Median and 99th percentile."""
    cuts = quantiles(milliseconds, n=100)
    return f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms"


def show(what: str, figure: str) -> None:
    print(f"{what:<58} {figure}", flush=True)
