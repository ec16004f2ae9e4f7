"""`aribridge run --dev`, which is what `make run` starts, beside an Asterisk that was there before."""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import psutil
import pytest
from real.asterisk import fresh_asterisk
from real.dev import dev_run
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Page

    from aribridge.asterisk.instance import PrivateAsterisk

COMMAND = (str(Path(sys.executable).with_name("aribridge")), "run", "--dev")


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: the control socket of Asterisk needs a short one.
    with tempfile.TemporaryDirectory(prefix="aribridge-") as name:
        yield Path(name)


async def test_it_becomes_ready_and_leaves_nothing(folder: Path) -> None:
    async with dev_run(folder, *COMMAND) as dev:
        assert any("asterisk" in command for command in commands(dev.started[1:]))
        async with aiohttp.ClientSession() as http, http.get(dev.url + "/aribridge.js") as response:
            assert response.status == 200
        assert await dev.interrupt() == 0
        assert not dev.left
        assert "Traceback" not in dev.log + dev.output


def commands(processes: list[psutil.Process]) -> Iterator[str]:
    """The command lines of those that still run."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            yield " ".join(process.cmdline())


async def test_its_link_opens_the_console_signed_in_and_its_token_is_in_no_log(folder: Path, page: Page) -> None:
    async with dev_run(folder, *COMMAND) as dev:
        token = dev.link.partition("#token=")[2]
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        await page.goto(dev.link)
        # Not by wait_for_function: its second look is an eval in the page, which the console forbids.
        await until(lambda: page.evaluate("!location.hash.includes('token')"), what="the token is out of the address")
        await page.get_by_text("pbx").first.wait_for()
        assert not [url for url in requested if token in url.partition("#")[0]]
        await page.goto("about:blank")
        assert await dev.interrupt() == 0
        assert token not in dev.log


async def test_another_asterisk_is_left_alone(folder: Path) -> None:
    async with fresh_asterisk("22") as other:
        before = await state(other)
        async with dev_run(folder, *COMMAND) as dev:
            assert await dev.interrupt() == 0
        assert await state(other) == before


async def state(asterisk: PrivateAsterisk) -> dict[str, object]:
    """What anyone who contacts, reloads or configures it would change."""
    shown = await asterisk.cli("core show settings")
    return {
        "pid": asterisk.pid,
        "log": asterisk.log_file.read_text(),
        "started and reloaded": [line for line in shown.splitlines() if "time:" in line.lower()],
        "files": {path: path.stat().st_mtime for path in (asterisk.folder / "etc").rglob("*")},
        "http": await asterisk.cli("http show status"),
    }
