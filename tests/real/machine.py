"""Programs, ports and processes of the machine that the tests run on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
NPM = ROOT / "tests/npm"
# Below those that private Asterisks take and that the kernel gives to outgoing connections: nobody takes a port between
# our look and its use. Every fourth: who takes its neighbours, too, as SIPp does, takes none that another was given.
PORTS = range(10_000, 20_000, 4)
UNPRIVILEGED = () if os.geteuid() else ("setpriv", "--inh-caps", "-all", "--bounding-set", "-all")
"""In front of a command: what is closed by its mode is closed to root, too."""


def program(name: str) -> str:
    """The path of a program that the tests need; without it the test fails and says what to do."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not on this machine: run scripts/test-setup programs")
    return found


def npm_modules() -> Path:
    """The folder of the tests' npm packages."""
    if not (NPM / "node_modules").is_dir():
        pytest.fail("the tests' npm packages are not installed: run scripts/test-setup npm")
    return NPM / "node_modules"


def _own_ports() -> Iterator[int]:
    """Those of this worker of pytest-xdist, each once before any comes again: the others look for some as well."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = len(PORTS) // workers
    return cycle(random.sample(PORTS[number * size : (number + 1) * size], size))


_PORTS = _own_ports()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses, for TCP and UDP alike."""
    return next(filter(is_free, _PORTS))


def is_free(port: int) -> bool:
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


async def suspend(pid: int) -> None:
    """Stop a process as Ctrl-Z does, and return when none of its threads runs any more."""
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: set(_states(pid)) == {"T"}, every=0.001)


def _states(pid: int) -> list[str]:
    """One letter for each thread (proc_pid_stat(5))."""
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # a thread may end meanwhile
            states.append(stat.read_text().rpartition(")")[2].split()[0])
    return states


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it, those that live."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def kill(processes: list[psutil.Process]) -> None:
    """SIGKILL them all."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
