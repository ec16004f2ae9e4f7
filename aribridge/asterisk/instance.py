"""A private Asterisk: started from an installation in a folder of its own, on loopback, gone when we are."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, TextIO

import aiohttp

from aribridge.asterisk import process
from aribridge.asterisk.configuration import HOST, Settings, write

if TYPE_CHECKING:
    from pathlib import Path

    from aribridge.asterisk.installation import Installation

START_DEADLINE = 60.0
CLI_DEADLINE = 15.0
POLL = 0.05
LOG_LINES = 20
# A UNIX socket's path has 107 usable bytes (unix(7)).
LONGEST_FOLDER = 107 - len("/run/asterisk.ctl")


class StartError(Exception):
    """The private Asterisk did not come up; the message ends with the last lines of its log."""


class PrivateAsterisk:
    """One Asterisk process of our own.

    It has its own folders, control socket, ports and random passwords, all on 127.0.0.1, and never touches an Asterisk
    that the machine runs. It cannot outlive this process. After `stop()` it can be started again: same ports, same
    password, and a new run of Asterisk as a client sees it.

    `ari_url` is ARI's base URL (`http://127.0.0.1:23456/ari`), `password_file` holds ARI's password and nothing else,
    `app` is the Stasis application that unassigned numbers enter, `sip_port` the UDP port that phones call, `phones`
    the passwords of the phones that may register, `log_file` Asterisk's notices, warnings and errors.
    """

    def __init__(self, installation: Installation, folder: Path, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self.installation = installation
        self.release = installation.release
        self.folder = folder.absolute()
        self.settings = settings
        self.ari_url = f"http://{HOST}:{settings.http_port}/ari"
        self.user, self.password, self.app = settings.user, settings.password, settings.app
        self.sip_port, self.phones = settings.sip_port, settings.phones
        self.password_file = self.folder / "ari.password"
        self.log_file = self.folder / "log" / "messages.log"
        self._conf = self.folder / "etc" / "asterisk.conf"
        self._output = self.folder / "log" / "stdout.log"
        self._held: TextIO | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id, also its process group's, while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Write the configuration, start it and return once it is fully booted and ARI answers."""
        self._take_folder()
        try:
            write(self.folder, self.installation, self.settings)
            write_secret(self.password_file, self.password)
            self._process = await self._spawn()
            await asyncio.wait_for(self._ready(), START_DEADLINE)
        except BaseException as error:
            await self.kill()
            if isinstance(error, TimeoutError):
                raise self._failed(f"is not ready after {START_DEADLINE:.0f} s") from None
            raise

    async def wait(self) -> None:
        """Return once the process has ended, by `stop()` or by itself; at once if it does not run."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """End it, by force if need be; afterwards nothing of it runs."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a crash would (SIGKILL): no good-bye to anyone."""
        await self._end(signal.SIGKILL)

    async def cli(self, command: str) -> str:
        """Run one command on this Asterisk's console, such as `core show channels`; what it printed."""
        return await process.run((*self._program, "-rx", command), self.folder, CLI_DEADLINE)

    @property
    def _program(self) -> tuple[str, ...]:
        return *self.installation.command, "-C", str(self._conf)

    def _take_folder(self) -> None:
        if len(os.fsencode(self.folder)) > LONGEST_FOLDER:
            raise StartError(f"{self.folder} is too long a path for Asterisk's control socket; choose a shorter folder")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._held = process.hold(self.folder)
        except BlockingIOError:
            raise StartError(f"an Asterisk already runs in {self.folder}; stop it or choose another folder") from None

    async def _spawn(self) -> asyncio.subprocess.Process:
        try:
            return await process.spawn((*self._program, "-f"), self.folder, self._output)
        except FileNotFoundError as error:
            raise StartError(f"{error.filename} is missing; setpriv is in the package util-linux") from error

    async def _ready(self) -> None:
        headers = {"Authorization": aiohttp.encode_basic_auth(self.user, self.password)}
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=5)) as http:
            while not await self._answers(http):
                if self.pid is None:
                    raise self._failed("ended at once")
                await asyncio.sleep(POLL)
        await self.cli("core waitfullybooted")

    async def _answers(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"{self.ari_url}/asterisk/info") as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _failed(self, how: str) -> StartError:
        lines = [line for path in (self._output, self.log_file) for line in last_lines(path)]
        return StartError(f"Asterisk {how}; its log is in {self.log_file.parent}\n" + "\n".join(lines))

    async def _end(self, first: signal.Signals) -> None:
        running, self._process = self._process, None
        if running is not None:
            await process.end(running, first)
        if self._held is not None:
            self._held.close()
            self._held = None


def last_lines(path: Path) -> list[str]:
    """The end of a log file; empty if there is none."""
    return path.read_text(errors="replace").splitlines()[-LOG_LINES:] if path.exists() else []


def write_secret(path: Path, secret: str) -> None:
    """Write a file that only its owner can read, from its first moment on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
