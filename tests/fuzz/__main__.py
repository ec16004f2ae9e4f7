"""The long run: ``python -m fuzz [--minutes N] [HARNESS]...``, coverage-guided by atheris; see docs/fuzzing.md.

Each harness runs in a process of its own. What it finds new is kept in ``.fuzz/<harness>`` and taken up by the next
run; an input that is a finding is written beside it, to become a file of the corpus once it is mended.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from fuzz.harness import NAMES, load

WORK = Path(".fuzz")
MEMORY_MB = 1024
FIGURES = (r"stat::number_of_executed_units:\s+(\d+)", r"\bcov: (\d+)", r"stat::peak_rss_mb:\s+(\d+)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--minutes", type=float, default=2.0, help="for each harness")
    parser.add_argument("names", nargs="*", metavar="HARNESS", help=f"some of {', '.join(NAMES)}; by default all")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no such harness: {', '.join(sorted(unknown))}")
    python = f"Python {platform.python_version()}"
    print(f"{python}, atheris {version('atheris')}, {arguments.minutes:g} min for each harness")
    print("| harness | executions | covered | peak memory | findings |\n|---|---|---|---|---|")
    found = [_run(name, arguments.minutes * 60) for name in arguments.names or NAMES]
    return int(any(found))


def _run(name: str, seconds: float) -> bool:
    """Run a harness and print its figures; whether there was a finding."""
    folder, findings = WORK / name, WORK / f"{name}-findings"
    for made in (folder, findings):
        made.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "fuzz.guided", name, str(folder), str(load(name).corpus),
        f"-max_total_time={seconds:.0f}", f"-max_len={load(name).longest}", f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={findings}/", "-timeout=30", "-print_final_stats=1", "-seed=1",
    ]  # fmt: skip
    log = WORK / f"{name}.log"
    with log.open("w") as output:
        ended = subprocess.run(command, stdout=output, stderr=output, check=False)
    text = log.read_text(errors="replace")
    executions, covered, memory = (_last(text, figure) for figure in FIGURES)
    found = f"see {log}" if ended.returncode else "none"
    print(f"| {name} | {executions} | {covered} | {memory} MiB | {found} |", flush=True)
    return ended.returncode != 0


def _last(text: str, pattern: str) -> str:
    return (re.findall(pattern, text) or ["?"])[-1]


sys.exit(main())
