"""Keeps what was measured, says it, and makes the page of it."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.chart import chart

if TYPE_CHECKING:
    from bench.figures import Row
    from bench.lab import Lab

ROOT = Path(__file__).parents[1]
LATEST = ROOT / "bench/results/latest.json"
PAGE, CHART = ROOT / "docs/performance.md", ROOT / "docs/performance.svg"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
CPU_OF_ONE = "CPU for one"
"""The row of a profile that is no percentage."""
PACKAGES = ("aribridge", "aiohttp", "aiortc", "aioice", "lupa", "msgspec", "uvloop")


class Results:
    """Rows and costs by name, with where and when."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.rows: dict[tuple[str, str], dict[str, Any]] = {key(row): row for row in content.get("rows", [])}
        self.costs: dict[str, float] = content.get("costs", {})
        self.profiles: dict[str, dict[str, float]] = content.get("profiles", {})
        self.trips: dict[str, dict[str, list[float]]] = content.get("trips", {})
        self.about: dict[str, Any] = content.get("about", {})

    @classmethod
    def read(cls) -> Results:
        return cls(json.loads(LATEST.read_text()) if LATEST.exists() else {})

    def add_rows(self, rows: list[Row]) -> None:
        self.rows |= {key(content): content for content in (row.to_json() for row in rows)}

    def add_costs(self, costs: dict[str, float]) -> None:
        self.costs |= costs
        for name, value in costs.items():
            print(f"{name}: {value:.3g}", flush=True)

    def write(self, lab: Lab) -> None:
        self.about = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release()}",
            "python": platform.python_version(),
            "asterisk": lab.asterisk.release,
            "janus": "1.1.2" if lab.janus else None,
            "chromium": lab.browser.version,
            **{name: version(name) for name in PACKAGES},
        }
        LATEST.parent.mkdir(exist_ok=True)
        content = {
            "about": self.about,
            "rows": list(self.rows.values()),
            "costs": self.costs,
            "profiles": self.profiles,
            "trips": self.trips,
        }
        LATEST.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_page(results: Results) -> None:
    """Put what was measured into the page, between its marks, and draw the chart."""
    rows = list(results.rows.values())
    CHART.write_text(chart(rows))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{_tables(results)}\n{END}{after}")


def _tables(results: Results) -> str:
    about = ", ".join(f"{name} {value}" for name, value in results.about.items() if value and name != "date")
    lines = [
        f"![The ratios of all rows]({CHART.name})",
        "",
        f"Measured on {results.about['date']}: {about}.",
        "",
        "| what | beside | ours | theirs | ratio (least to most) | goal |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_table_row(row) for row in results.rows.values()]
    lines += ["", "| cost | |", "|---|---|"]
    lines += [f"| {name} | {_number(value)} |" for name, value in results.costs.items()]
    return "\n".join(lines + _profile_table(results.profiles) + _trip_table(results.trips))


def _profile_table(profiles: dict[str, dict[str, float]]) -> list[str]:
    """A column for each workload: the CPU time of a unit, and percentages of it."""
    if not profiles:
        return []
    lines = ["", f"| where the time goes | {' | '.join(profiles)} |", f"|---|{'---|' * len(profiles)}"]
    for part in next(iter(profiles.values())):
        cells = [_share(part, profile[part]) for profile in profiles.values()]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    return lines


def _trip_table(trips: dict[str, dict[str, list[float]]]) -> list[str]:
    """A row for each part of a ping's way, p50 and p99 of each server."""
    if not trips:
        return []
    heads = [f"{server}, {percent}" for server in trips for percent in ("p50", "p99")]
    lines = ["", f"| where a lone ping over a data channel is | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for part in next(iter(trips.values())):
        cells = [f"{_number(value)} ms" for trip in trips.values() for value in trip[part]]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    return lines


def _share(part: str, value: float) -> str:
    if part == CPU_OF_ONE:
        return f"{_number(value)} µs"
    return f"{value:.0f} %" if value >= 0.5 else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table_row(row: dict[str, Any]) -> str:
    sign = "≤" if row["better"] == "lower" else "≥"
    goal = "" if row["goal"] is None else f"{sign} {row['goal']:g}{'' if row['reached'] else ', missed'}"
    spread = f"**{row['ratio']:.2f}** ({row['ratio_least']:.2f} to {row['ratio_most']:.2f})"
    ours, theirs = (f"{_number(row[key])} {row['unit']}" for key in ("our_median", "their_median"))
    return f"| {row['name']} | {row['theirs']} | {ours} | {theirs} | {spread} | {goal} |"


def key(row: dict[str, Any]) -> tuple[str, str]:
    """What makes a row the same in another run."""
    return row["name"], row["theirs"]


def line(row: dict[str, Any]) -> str:
    """A row in a line for a terminal."""
    verdict = {True: "goal reached", False: f"goal {row['goal']} missed", None: ""}[row["reached"]]
    return (
        f"{row['name']}: {row['our_median']:.3g} {row['unit']}, {row['theirs']} {row['their_median']:.3g}; "
        f"ratio {row['ratio']:.2f} ({row['ratio_least']:.2f} to {row['ratio_most']:.2f}) {verdict}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()
