"""`make run` in a clean clone: one command, and Ctrl-C ends all of it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from real.dev import dev_run
from real.machine import ROOT, program

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clone() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aribridge-") as folder:
        subprocess.run([program("git"), "clone", "--quiet", ROOT, folder], check=True, timeout=60)
        yield Path(folder)


@pytest.mark.timeout(600)
async def test_make_run_in_a_clean_clone(clone: Path) -> None:
    async with dev_run(clone, program("make"), "run") as dev, aiohttp.ClientSession() as http:
        async with http.get(dev.url + "/") as response:
            assert response.status == 200
        assert dev.link.startswith(dev.url)
        await dev.interrupt()
        assert not dev.left
        # Where an index is slow to answer, pip warns that it asks again.
        said = re.sub(r"(?m)^ *WARNING: Retrying .*", "", dev.log + dev.output)
        assert "Error" not in said
    async with dev_run(clone, program("make"), "run") as dev:
        await dev.interrupt()
        assert "Installing" not in dev.output
        assert not dev.left
