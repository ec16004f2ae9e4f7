"""`make faults`: the long fault run; its report goes to the terminal and to faults.json."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop
from faults.harm import FAULTS
from faults.report import shown
from faults.run import Run
from real.gateway import Gateways

TIMES = 3


async def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        gateways = Gateways(Path(folder))
        try:
            return await Run(size=50, rate=20, times=TIMES, seconds=10, history=20_000).go(gateways)
        finally:
            await gateways.stop()


def main() -> int:
    told = uvloop.run(run())
    Path("faults.json").write_text(json.dumps(told, indent=2) + "\n")
    print(shown(told))
    counted = [row["name"] for row in told["faults"] if row["counts"]]
    rare = [fault.name for fault in FAULTS if counted.count(fault.name) < TIMES]
    if rare:
        print("felt less than often enough:", ", ".join(rare))
    return 1 if rare or told["findings"] else 0


sys.exit(main())
