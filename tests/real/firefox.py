"""Real Firefox, headless, driven over WebDriver BiDi by npm's puppeteer-core."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from real.machine import NPM, family, kill, npm_modules, program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

DEADLINE = 40.0
CLOSING = 15.0


async def outcome_in_firefox(url: str, preferences: Mapping[str, Any] | None = None) -> Any:
    """Open the page in a Firefox of its own, with these preferences; what its `window.outcome` promise resolves to."""
    npm_modules()
    runner = await asyncio.create_subprocess_exec(
        program("node"),
        str(NPM / "firefox.mjs"),
        program("firefox-esr"),
        url,
        str(DEADLINE),
        json.dumps(dict(preferences or {})),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(runner.communicate(), DEADLINE + CLOSING)
    finally:
        kill(family(runner.pid))
        await runner.wait()
    assert runner.returncode == 0, f"the page failed in Firefox:\n{errors.decode()}"
    return json.loads(output)


@pytest.fixture
def firefox() -> Callable[[str], Awaitable[Any]]:
    """`await firefox(url)` is what the page's `window.outcome` promise resolves to in Firefox."""
    return outcome_in_firefox
