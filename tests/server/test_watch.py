"""Files of scripts are looked at again and again in development."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from real.wait import until

from aribridge.server import watch as module
from aribridge.server.watch import watch


class Changes:
    """Counts the calls of ``changed``."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[None] = asyncio.Queue()

    async def next(self) -> None:
        await asyncio.wait_for(self.calls.get(), 30)


@pytest.fixture
def files(tmp_path):
    files = [tmp_path / "a.lua", tmp_path / "b.lua"]
    for file in files:
        file.write_text("1")
    return files


@pytest.fixture
async def changes(files, monkeypatch) -> AsyncIterator[Changes]:
    monkeypatch.setattr(module, "_PERIOD", 0.005)
    changes = Changes()
    task = asyncio.create_task(watch(lambda: files, lambda: changes.calls.put(None)))
    await asyncio.sleep(0)
    yield changes
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_written_a_removed_and_a_replaced_file_are_seen_once_each(files, changes):
    os.utime(files[0], ns=(1, 1))
    await changes.next()
    files[1].unlink()
    await changes.next()
    files[1].with_suffix(".new").write_text("2")
    files[1].with_suffix(".new").replace(files[1])
    await changes.next()
    await asyncio.sleep(0.03)
    assert changes.calls.empty()


async def test_what_is_written_while_others_are_loaded_is_seen_afterwards(files, monkeypatch):
    monkeypatch.setattr(module, "_PERIOD", 0.005)
    loads: list[str] = []

    async def load() -> None:
        loads.append(files[1].read_text())
        if len(loads) == 1:
            files[1].write_text("22")

    task = asyncio.create_task(watch(lambda: files, load))
    await asyncio.sleep(0)
    os.utime(files[0], ns=(1, 1))
    await until(lambda: loads == ["1", "22"])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_file_that_joins_later_is_watched_from_then_on(files, changes, tmp_path):
    late = tmp_path / "late.lua"
    late.write_text("1")
    files.append(late)
    os.utime(files[0], ns=(1, 1))
    await changes.next()
    os.utime(late, ns=(1, 1))
    await changes.next()
