"""Real SIP phones: SIPp runs the scenarios of tests/real/sipp/ on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from real.machine import free_port, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCENARIOS = Path(__file__).with_name("sipp")
SILENCE = b"\xff" * 8000  # a second of µ-law
DEADLINE = 90.0


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

    async def call(self, sip_port: int, extension: str, *, scenario: str = "call_until_bye", ms: int = 1000) -> Phone:
        """Call an extension of the Asterisk on 127.0.0.1:`sip_port`; `ms` is how long `call_for_a_while` talks."""
        return await self._start(scenario, "-s", extension, "-d", str(ms), f"127.0.0.1:{sip_port}")

    async def answerer(self, scenario: str = "answer_until_bye") -> Phone:
        """A phone at 127.0.0.1:`phone.port` that waits for a call."""
        return await self._start(scenario)

    async def stop(self) -> None:
        for phone in self._phones:
            await phone.stop()

    async def _start(self, scenario: str, *arguments: str) -> Phone:
        folder = self._folder / f"phone-{len(self._phones)}"
        folder.mkdir()
        (folder / "silence.raw").write_bytes(SILENCE)
        port = free_port()
        options = [
            *("-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", "1", "-nostdin"),
            *("-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-mp", str(free_port()), "-cp", str(free_port())),
            *("-timeout", f"{DEADLINE:.0f}s", "-timeout_error"),
            *("-trace_err", "-error_file", str(folder / "errors.log")),
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
