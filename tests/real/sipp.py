"""Real SIP phones: SIPp runs the scenarios of tests/real/sipp/ on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from real.machine import free_port, is_free, program
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCENARIOS = Path(__file__).with_name("sipp")
AUDIO = {"silence": b"\xff", "tone": b"\x2a"}  # µ-law, one value for as long as it lasts
DEADLINE = 90.0


def _listens(port: int) -> bool:
    """Whether a process of this machine has the UDP port of 127.0.0.1 (proc_net_udp(5))."""
    return f" 0100007F:{port:04X} " in Path("/proc/net/udp").read_text()


def _media_port() -> int:
    """A port with its neighbours free: SIPp takes one for audio, one for video, and one for RTCP of each."""
    while True:
        port = free_port()
        if all(is_free(port + more) for more in range(1, 4)):
            return port


class Phone:
    """One run of a scenario: a call, made or taken."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, folder: Path) -> None:
        self.port = port
        self._process = process
        self._folder = folder

    async def done(self, within: float = DEADLINE) -> None:
        """Wait for the scenario's end; AssertionError with SIPp's messages unless it went as written."""
        code = await asyncio.wait_for(self._process.wait(), within)
        assert code == 0, f"SIPp exited {code}:\n{self._record()}"

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _record(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in sorted(self._folder.glob("*.log")))


class Phones:
    """Starts phones and, at the end, kills those that are left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._phones: list[Phone] = []

    async def call(
        self, sip_port: int, extension: str, *, scenario: str = "call_until_bye", ms: int = 1000, calls: int = 1
    ) -> Phone:
        """Call an extension of the Asterisk on 127.0.0.1:`sip_port`, `calls` times at once.

        `ms` is how long `call_for_a_while` talks.
        """
        return await self._start(scenario, calls, "-s", extension, "-d", str(ms), f"127.0.0.1:{sip_port}")

    async def answerer(self, scenario: str = "answer_until_bye", *, calls: int = 1) -> Phone:
        """A phone at 127.0.0.1:`phone.port` that waits for so many calls; 0: for any number, until the test's end."""
        phone = await self._start(scenario, calls)
        await until(lambda: _listens(phone.port), what="the phone listens")
        return phone

    async def stop(self) -> None:
        for phone in self._phones:
            await phone.stop()

    async def _start(self, scenario: str, calls: int, *arguments: str) -> Phone:
        folder = self._folder / f"phone-{len(self._phones)}"
        folder.mkdir()
        for name, value in AUDIO.items():
            (folder / f"{name}.raw").write_bytes(value * 8000)
        port = free_port()
        options = [
            *("-sf", str(SCENARIOS / f"{scenario}.xml"), "-nostdin"),
            *(("-m", str(calls), "-r", "50") if calls else ()),
            *(
                "-i",
                "127.0.0.1",
                "-p",
                str(port),
                "-mi",
                "127.0.0.1",
                "-mp",
                str(_media_port()),
                "-cp",
                str(free_port()),
            ),
            *("-timeout", f"{DEADLINE:.0f}s", "-timeout_error"),
            *("-trace_err", "-error_file", str(folder / "errors.log")),
            # A phone that is late gets again what it has not answered in half a second, which SIPp knows once only.
            *("-default_behaviors", "all,-abortunexp"),
            *("-trace_msg", "-message_file", str(folder / "messages.log")),
        ]
        with (folder / "screen.log").open("wb") as screen:
            process = await asyncio.create_subprocess_exec(
                program("sipp"),
                *options,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
                cwd=folder,
            )
        phone = Phone(process, port, folder)
        self._phones.append(phone)
        return phone


@pytest.fixture
async def phones(tmp_path: Path) -> AsyncIterator[Phones]:
    """Phones of this test: `await phones.call(asterisk.sip_port, "601")`, `await phones.answerer()`."""
    phones = Phones(tmp_path)
    yield phones
    await phones.stop()
