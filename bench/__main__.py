"""`make bench`: the gateway beside Janus, Asterisk and bare aiohttp, in one run on this machine.

`python -m bench [NAME ...]` measures only these. What was measured replaces the same rows of
`bench/results/latest.json`, from which docs/performance.md is made. `python -m bench check [NAME ...]` leaves both as
they are, and fails when a row got worse than its kept spread and a margin. `python -m bench profile [NAME ...]` says
which part of the gateway takes its time, and where a ping is at which time, in the page as well.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import (
    association,
    calls,
    connections,
    disturbances,
    duel,
    guard,
    latency,
    phones,
    report,
    script_hooks,
    websockets,
)
from bench.lab import open_lab
from bench.profile import profiles
from bench.trips import trips
from bench.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection

    from bench.figures import Row
    from bench.lab import Lab

COMPARISONS: dict[str, Callable[[Lab], Awaitable[list[Row]]]] = {
    "commands": duel.commands,
    "channels": duel.fan_out,
    "idle": duel.idle,
    "aribridge.js": duel.own_client,
    "latency": latency.added,
    "disturbances": disturbances.beside,
    "websockets": websockets.fan_out,
    "calls": calls.sustained,
    "phones": phones.sustained,
}
COSTS: dict[str, Callable[[Lab], Awaitable[dict[str, float]]]] = {
    "channel-cost": connections.data_channels,
    "socket-cost": connections.websockets,
    "storm": connections.storm,
    "ramp": calls.ramp,
    "start": connections.start_up,
    "hooks": script_hooks.costs,
}
MEMORY = ("channel-cost", "socket-cost")
TRIPS = "trips"
WITH_JANUS = {"commands", "channels", "idle", "aribridge.js", TRIPS}


async def main(wanted: set[str]) -> None:
    found = report.Results.read()
    with tempfile.TemporaryDirectory() as folder:
        async with open_lab(Path(folder)) as lab:
            async for rows in _compare(lab, wanted):
                found.add_rows(rows)
                found.write(lab)
            for name, cost in COSTS.items():
                if _is_on(name, wanted, lab):
                    found.add_costs(await cost(lab))
                    found.write(lab)
    report.write_page(found)
    if not wanted or "association" in wanted:
        await association.measure_association()


async def check(wanted: set[str]) -> None:
    """Measure the comparisons and what connections take of memory; exit with 1 when one does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_lab(Path(folder)) as lab:
            rows = [row.to_json() async for some in _compare(lab, wanted) for row in some]
            costs: dict[str, float] = {}
            for name in MEMORY:
                if _is_on(name, wanted, lab):
                    costs |= await COSTS[name](lab)
    kept = report.Results.read()
    for row in guard.unkept(kept, rows):
        print(f"not held, since `make bench` has kept nothing of it: {row}", flush=True)
    if worse := [*guard.held(kept, rows), *guard.held_costs(kept, costs)]:
        sys.exit("\n".join(["worse than kept in bench/results/latest.json:", *worse]))


async def profile(wanted: set[str]) -> None:
    """Look where the time goes in each workload, and put it into the page."""
    found = report.Results.read()
    with tempfile.TemporaryDirectory() as folder:
        async with open_lab(Path(folder)) as lab:
            known = found.profiles | await profiles(lab, wanted)
            found.profiles = {name: known[name] for name in WORKLOADS if name in known}
            if _is_on(TRIPS, wanted, lab):
                found.trips = await trips(lab)
            found.write(lab)
    report.write_page(found)


async def _compare(lab: Lab, wanted: set[str]) -> AsyncIterator[list[Row]]:
    """The rows of each comparison as it is done: a later one may fail."""
    for name, compare in COMPARISONS.items():
        if _is_on(name, wanted, lab):
            rows = await compare(lab)
            for row in rows:
                print(report.line(row.to_json()), flush=True)
            yield rows


def _is_on(name: str, wanted: set[str], lab: Lab) -> bool:
    if wanted and name not in wanted:
        return False
    if name in WITH_JANUS and lab.janus is None:
        print(f"{name}: left out, Janus is not installed (scripts/test-setup programs)", flush=True)
        return False
    return True


def chosen(arguments: list[str], known: Collection[str] = (*COMPARISONS, *COSTS, "association")) -> set[str]:
    if unknown := set(arguments) - set(known):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return set(arguments)


match sys.argv[1:]:
    case ["check", *names]:
        asyncio.run(check(chosen(names)))
    case ["profile", *names]:
        asyncio.run(profile(chosen(names, (*WORKLOADS, TRIPS))))
    case names:
        asyncio.run(main(chosen(names)))
