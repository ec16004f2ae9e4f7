"""`make bench-check`: what holds now, with margin, so that a change that makes something slower is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report import key, line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.report import Results

MARGIN = 1.25
"""Beyond the worst ratio that was kept: what a quiet machine differs by from one run to the next."""


_MEMORY = "KB "
"""How the costs begin that no other work of the machine moves."""


def unkept(kept: Results, rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each row of which nothing was kept, under this name: nothing holds it."""
    return [line(row) for row in rows if key(row) not in kept.rows]


def held_costs(kept: Results, costs: Mapping[str, float]) -> list[str]:
    """A line for each cost in memory that is higher than the kept one allows."""
    return [
        f"{name}: {cost:.1f}; kept {before:.1f}, bound {before * MARGIN:.1f}"
        for name, cost in costs.items()
        if name.startswith(_MEMORY) and (before := kept.costs.get(name)) and cost > before * MARGIN
    ]


def held(kept: Results, rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each row that is worse than the kept results allow."""
    return [
        f"{line(row)}; kept {before['ratio']:.2f}, bound {_bound(before):.2f}"
        for row in rows
        if (before := kept.rows.get(key(row))) and _is_worse(row, before)
    ]


def _is_worse(row: dict[str, Any], before: dict[str, Any]) -> bool:
    return row["ratio"] > _bound(before) if row["better"] == "lower" else row["ratio"] < _bound(before)


def _bound(before: dict[str, Any]) -> float:
    if before["better"] == "lower":
        return float(before["ratio_most"]) * MARGIN
    return float(before["ratio_least"]) / MARGIN
