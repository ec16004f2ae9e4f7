"""A private Asterisk's process, which cannot outlive us, and its folder, which only one process uses at a time."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pathlib import Path

STOP_DEADLINE = 5.0
# setpriv (util-linux) asks the kernel to kill the program when its parent dies, however that dies, and becomes it.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")


def environment(folder: Path) -> dict[str, str]:
    """A small environment: ours may hold secrets, and the machine's OpenSSL configuration may not suit this libssl."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "OPENSSL_CONF": os.devnull,
    }


async def spawn(command: tuple[str, ...], folder: Path, output: Path) -> asyncio.subprocess.Process:
    """Start a program in `folder`, leader of its own process group; what it prints goes to the file `output`."""
    with output.open("wb") as printed:
        return await asyncio.create_subprocess_exec(
            *DIES_WITH_US,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            env=environment(folder),
            cwd=folder,
            start_new_session=True,
        )


async def end(process: asyncio.subprocess.Process, first: signal.Signals) -> None:
    """Signal the process's group and wait for it, then kill what is left of the group."""
    try:
        if process.returncode is None:
            os.killpg(process.pid, first)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_DEADLINE)
    finally:
        # What it started itself (AGI programs, music players) is in the group too and may have survived it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def run(command: tuple[str, ...], folder: Path, deadline: float) -> str:
    """Run a program to its end; what it printed. Raises TimeoutError after `deadline` seconds."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(folder),
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), deadline)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode(errors="replace")


def hold(folder: Path) -> TextIO:
    """Take the folder for ourselves until the returned file is closed; BlockingIOError if another process has it."""
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise
    return lock
