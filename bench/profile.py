"""`make bench-profile`: which part of the gateway takes its CPU time, in the workloads that matter most.

py-spy looks at the gateway's Python stack 500 times a second, and leaves out when it waits. The innermost Python
function names the part: what it calls in C, and what the kernel does for it, counts as its own. The event loop's own C
code has no Python function, so that its polls, reads and writes count for ``event loop``.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.figures import Cpu
from bench.report import CPU_OF_ONE
from bench.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.lab import Lab
    from bench.workloads import Work

PY_SPY = Path(sys.executable).with_name("py-spy")
DEADLINE, MOST_SECONDS = 60.0, 600
HERTZ = 500
PARTS = {
    r"/aribridge/transport/webrtc/": "ICE, DTLS and SCTP, ours",
    r"/(aiortc|aioice|OpenSSL|pyee)/": "ICE, DTLS and SCTP, aiortc's",
    r"/(aiohttp|websockets)/|/aribridge/transport/(websocket|upgrade|turns)\.py": "WebSocket and HTTP",
    r"/(asyncio|uvloop)/": "event loop",
    r"/aribridge/(script|lua)/": "scripts",
    r"/aribridge/(hub|protocol|transport|janus|server|auth)/": "connections and commands",
    r"/aribridge/ari/": "link to Asterisk",
    r"/aribridge/(stream|core)/": "events, call state and permissions",
    r"": "other",
}
"""The first that fits the innermost frame's file."""


async def profiles(lab: Lab, wanted: set[str]) -> dict[str, dict[str, float]]:
    """For each workload: microseconds of CPU for one unit, the kernel's percentage, and that of each part."""
    found = {}
    for name, workload in WORKLOADS.items():
        if not wanted or name in wanted:
            async with workload(lab) as work:
                await work()  # so that caches are warm
                found[name] = await _profile(lab, work)
            print(name, found[name], flush=True)
    return found


async def _profile(lab: Lab, work: Work) -> dict[str, float]:
    raw = lab.folder / "stacks"
    process = psutil.Process(lab.gateway.pid)
    async with _sampled(process.pid, raw):
        before = process.cpu_times()
        with Cpu(process.pid) as cpu:
            units = await work()
        after = process.cpu_times()
    user, system = after.user - before.user, after.system - before.system
    parts = _parts(raw.read_text())
    total = sum(parts.values())
    shares = {part: 100 * parts[part] / total for part in PARTS.values()}
    return {CPU_OF_ONE: cpu.each(units), "of it in the kernel": 100 * system / (user + system), **shares}


@asynccontextmanager
async def _sampled(pid: int, raw: Path) -> AsyncIterator[None]:
    options = f"record --rate {HERTZ} --duration {MOST_SECONDS} --format raw --full-filenames --pid {pid} --output"
    spy = await asyncio.create_subprocess_exec(PY_SPY, *options.split(), raw, stdout=asyncio.subprocess.PIPE)
    assert spy.stdout is not None
    try:
        if not await asyncio.wait_for(spy.stdout.readline(), DEADLINE):  # it says that it has begun
            sys.exit("py-spy cannot look into the gateway; above it says why")
        yield
        spy.send_signal(signal.SIGINT)
        await asyncio.wait_for(spy.communicate(), DEADLINE)
    finally:
        if spy.returncode is None:
            spy.kill()


def _parts(stacks: str) -> Counter[str]:
    """Samples of each part, of lines `outermost;...;innermost number`."""
    found: Counter[str] = Counter()
    for line in filter(_is_of_the_loop, stacks.splitlines()):
        stack, _, number = line.rpartition(" ")
        innermost = stack.rpartition(";")[2]
        found[next(part for pattern, part in PARTS.items() if re.search(pattern, innermost))] += int(number)
    return found


def _is_of_the_loop(line: str) -> bool:
    """Other threads wait for work nearly always, which py-spy takes for work."""
    return "/asyncio/runners.py" in line
