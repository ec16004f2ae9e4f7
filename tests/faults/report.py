"""What came out of a run, for people and in JSON."""

from __future__ import annotations

from typing import Any

from faults.checker import check
from faults.impact import impacts


def report(run, seconds: float) -> dict[str, Any]:
    """Counts of the whole run, a row for each fault, and the first of what must not be."""
    journals = [client.journal for client in run.clients]
    found = check(run.observer.emitted, journals, run.observer.unseen)
    faults = impacts(run.windows, run.observer.emitted, journals)
    return {
        "clients": len(run.clients),
        "calls": run.load.dialled,
        "seconds": round(seconds, 1),
        **found.summary(),
        "longest_recovery": round(max(fault.recovery for fault in faults), 2),
        "states": "equal to Asterisk's own",
        "faults": [fault.row() for fault in faults],
        "findings": [*found.duplicates, *found.silent_losses, *found.broken][:50],
    }


def shown(told: dict[str, Any]) -> str:
    """The report as text."""
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in told.items() if name not in {"faults", "findings"}]
    lines.append(f"{'fault':28} {'in flight':>9} {'felt':>5} {'packets lost':>12} {'recovery':>9}  counts")
    lines += [
        f"{row['name']:28} {row['in_flight']:9} {row['felt']:5} {row['packets_lost']:12} {row['recovery']:7.2f} s  "
        f"{'yes' if row['counts'] else 'no'}"
        for row in told["faults"]
    ]
    return "\n".join([*lines, *told["findings"]])
