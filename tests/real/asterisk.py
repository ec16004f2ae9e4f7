"""Real Asterisks for the tests: installed once into the user's cache, started once a session, on loopback.

Asterisk 22.10.1 deadlocks, and answers no event socket of that application from then on, when a socket that is
subscribed to device states (`subscribeAll`, `deviceState:`) closes just as one changes: one close in ten right after a
call of a Local channel. Take the subscription to `deviceState:` back before closing, or do without it.
https://github.com/asterisk/asterisk/issues/2170
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aribridge.asterisk.configuration import Settings
from aribridge.asterisk.install import Release, install
from aribridge.asterisk.instance import PrivateAsterisk


@asynccontextmanager
async def fresh_asterisk(release: Release, settings: Settings | None = None) -> AsyncIterator[PrivateAsterisk]:
    """An Asterisk of its own, for a test that restarts it, kills it, or must see no other test's channels.

    `stop()`, `kill()` and `start()` may be called at will: it keeps its ports and its password.
    """
    installation = await asyncio.to_thread(install, release)
    # Not tmp_path: Asterisk's control socket needs a short path.
    with tempfile.TemporaryDirectory(prefix="aribridge-") as folder:
        asterisk = PrivateAsterisk(installation, Path(folder), settings)
        await asterisk.start()
        try:
            yield asterisk
        finally:
            await asterisk.stop()


@pytest.fixture(scope="session")
async def asterisk22() -> AsyncIterator[PrivateAsterisk]:
    """Asterisk 22, shared by the whole session: leave no channel behind."""
    async with fresh_asterisk("22") as asterisk:
        yield asterisk


@pytest.fixture(scope="session")
async def asterisk16() -> AsyncIterator[PrivateAsterisk]:
    """Asterisk 16, shared by the whole session: leave no channel behind."""
    async with fresh_asterisk("16") as asterisk:
        yield asterisk


@pytest.fixture(scope="session", params=["22", "16"])
def asterisk(request: pytest.FixtureRequest) -> PrivateAsterisk:
    """Asterisk 22, then 16: the test runs on both."""
    return request.getfixturevalue(f"asterisk{request.param}")
