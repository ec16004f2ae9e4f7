"""Fixtures of the Janus door's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from janus_rig import Clock, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from janus_rig import RawClient, Rig


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("aribridge.janus.sessions.time", clock)
    monkeypatch.setattr("jwt.api_jwt.datetime", clock.datetimes())
    return clock


@pytest.fixture
async def rig(tmp_path) -> AsyncIterator[Rig]:
    async with serving(tmp_path) as rig:
        yield rig


@pytest.fixture
async def alice(rig: Rig) -> AsyncIterator[RawClient]:
    async with rig.client() as client:
        yield client
