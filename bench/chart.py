"""A chart of the ratios: one bar a row, on a logarithmic scale around 1."""

from __future__ import annotations

import math
from html import escape
from typing import Any

WIDTH, ROW, LABEL = 1060, 26, 560
MIDDLE, HALF = 780, 200
DECADES = 1.3
GOOD, BAD = "#2a7d4f", "#b3541e"


def chart(rows: list[dict[str, Any]]) -> str:
    """SVG; to the left of the middle line ours is the smaller figure."""
    height = ROW * (len(rows) + 2)
    bars = "".join(_bar(row, ROW * (number + 2)) for number, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{MIDDLE}" y="18" text-anchor="middle">ours / theirs; green is better</text>'
        f'<line x1="{MIDDLE}" x2="{MIDDLE}" y1="26" y2="{height}" stroke="#888"/>{bars}</svg>\n'
    )


def _bar(row: dict[str, Any], y: int) -> str:
    ratio = row["ratio"]
    length = HALF * max(-1.0, min(1.0, math.log10(ratio) / DECADES))
    is_good = (ratio <= 1) == (row["better"] == "lower")
    x = MIDDLE + min(0.0, length)
    return (
        f'<text x="{LABEL}" y="{y}" text-anchor="end" font-size="11">{escape(row["name"])}</text>'
        f'<rect x="{x:.1f}" y="{y - 11}" width="{abs(length):.1f}" height="14" fill="{GOOD if is_good else BAD}"/>'
        f'<text x="{MIDDLE + HALF + 8}" y="{y}" font-size="11">{ratio:.2f}</text>'
    )
