"""`aribridge run --dev`, or `make run` which starts it, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from real import planted
from real.machine import family, free_port, kill, living
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import psutil

START_DEADLINE = 400.0
"""`make run` makes a virtual environment first."""
STOP_DEADLINE = 20.0


class DevRun:
    """A gateway in dev mode with its private Asterisk, on free ports.

    `url` and `admin_url` are its doors, `output` what it printed for the developer, `log` what it logged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port, admin_port = free_port(), free_port()
        self.url, self.admin_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin_port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))},
            "ARIBRIDGE_SERVER__LISTEN": f"127.0.0.1:{port}",
            "ARIBRIDGE_SERVER__ADMIN": f"127.0.0.1:{admin_port}",
        }
        self.started: list[psutil.Process] = []
        self.process: asyncio.subprocess.Process | None = None

    @property
    def output(self) -> str:
        return (self.folder / "run.out").read_text(errors="replace")

    @property
    def log(self) -> str:
        return (self.folder / "run.log").read_text(errors="replace")

    @property
    def link(self) -> str:
        """The link to the console, signed in."""
        found = re.search(r"http://\S+#token=\S+", self.output)
        assert found, f"no link to the console in:\n{self.output}"
        return found[0]

    async def start(self, *command: str) -> None:
        """Start it, wait for /readyz to answer 200 and note the processes it consists of."""
        with (self.folder / "run.out").open("wb") as output, (self.folder / "run.log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                cwd=self.folder,
                env=self.environment,
                start_new_session=True,
            )
        await until(self._ready, within=START_DEADLINE, what="/readyz answers 200")
        self.started = family(self.process.pid)

    async def interrupt(self) -> int:
        """Ctrl-C: SIGINT to all of the terminal's foreground processes; the exit code."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), STOP_DEADLINE)

    @property
    def left(self) -> list[psutil.Process]:
        """What of it still runs."""
        return living(self.started)

    def search(self) -> None:
        """No secret of its own may be in what it logged; the terminal alone gets a token."""
        own = self.folder / ".aribridge"
        for file in (own / "dev.key", own / "asterisk" / "ari.password"):
            planted.plant({"password_file": file.name}, file.parent)
        planted.search([self.folder / "run.log", *own.glob("state/audit/*")])

    async def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, f"it exited {self.process.returncode}:\n{self.output}\n{self.log}"
        try:
            async with aiohttp.ClientSession() as http, http.get(self.admin_url + "/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def dev_run(folder: Path, *command: str) -> AsyncIterator[DevRun]:
    """Run a command in a folder until the end of the block, by force if the test has not stopped it."""
    run = DevRun(folder)
    try:
        await run.start(*command)
        yield run
    finally:
        if run.process is not None:
            kill([*family(run.process.pid), *run.started])
            await run.process.wait()
    run.search()
