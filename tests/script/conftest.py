from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from script_parts import RecordingAsterisks, ScriptClient, load_host

from aribridge.script import ScriptHost
from aribridge.script.testing import Result, Suite, run_suite


@pytest.fixture
async def asterisks() -> RecordingAsterisks:
    return RecordingAsterisks()


@pytest.fixture
def client() -> ScriptClient:
    return ScriptClient()


@pytest.fixture
async def load(tmp_path: Path, asterisks: RecordingAsterisks) -> Any:
    """Load scripts from their sources; all are closed afterwards."""
    hosts: list[ScriptHost] = []

    def load(*sources: str, **settings: Any) -> ScriptHost:
        files = [tmp_path / f"s{number}.lua" for number in range(1, len(sources) + 1)]
        for file, source in zip(files, sources, strict=True):
            file.write_text(source)
        hosts.append(load_host(asterisks, *files, **settings))
        return hosts[-1]

    yield load
    if asterisks.held:
        asterisks.held.set()  # where the test failed before it did
    for host in hosts:
        await host.close()


Load = Callable[..., ScriptHost]


@pytest.fixture
def tried(tmp_path: Path) -> Callable[[str, str], list[Result]]:
    """Run the tests of a script, both as source."""

    def run(script: str, tests: str) -> list[Result]:
        suite = Suite(tmp_path / "s.lua", tmp_path / "s_test.lua")
        suite.script.write_text(script)
        suite.tests.write_text(tests)
        return list(run_suite(suite))

    return run
