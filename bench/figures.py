"""Figures that outlive a noisy machine: two sides measured in turn, and the ratio of the pairs."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Literal

import psutil

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: the medians of both sides, and the median and the extremes of the ratios ours / theirs."""

    name: str
    unit: str
    theirs: str
    """What ours is compared with."""
    better: Literal["lower", "higher"]
    our_median: float
    their_median: float
    ratio: float
    ratio_least: float
    ratio_most: float
    goal: float | None = None

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return self.ratio <= self.goal if self.better == "lower" else self.ratio >= self.goal

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "reached": self.is_reached}


def compare(
    name: str,
    unit: str,
    theirs: str,
    pairs: Sequence[tuple[float, float]],
    *,
    better: Literal["lower", "higher"] = "lower",
    goal: float | None = None,
) -> Row:
    """The row of pairs (ours, theirs), each measured one right after the other."""
    ratios = [our / their for our, their in pairs]
    ours, others = [our for our, _ in pairs], [their for _, their in pairs]
    spread = (median(ratios), min(ratios), max(ratios))
    return Row(name, unit, theirs, better, median(ours), median(others), *spread, goal)


async def in_turn(
    rounds: int, ours: Callable[[], Awaitable[float]], theirs: Callable[[], Awaitable[float]]
) -> list[tuple[float, float]]:
    """Measure A B A B: what the machine does meanwhile meets both."""
    return [(await ours(), await theirs()) for _ in range(rounds)]


def at(percent: int, values: Sequence[float]) -> float:
    """The value under which so many percent of them are."""
    return quantiles(values, n=100)[percent - 1]


def show(what: str, figure: str) -> None:
    """Say a figure that is part of no row."""
    print(f"{what:<58} {figure}", flush=True)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has had so far, by its own clock (clock_getcpuclockid(3)): /proc has hundredths."""
    return time.clock_gettime(((~pid) << 3) | 2)


def resident_kb(pid: int) -> float:
    """Resident memory of a process in KiB."""
    return psutil.Process(pid).memory_info().rss / 1024


class Cpu:
    """CPU time of a process over a block: `with Cpu(pid) as cpu`, then `cpu.each(n)` for microseconds a unit."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> Cpu:
        self._began, self._wall = cpu_seconds(self._pid), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.wall = cpu_seconds(self._pid) - self._began, time.monotonic() - self._wall

    def each(self, units: float) -> float:
        return self.seconds / units * 1e6
