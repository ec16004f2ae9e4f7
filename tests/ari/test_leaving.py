"""Leaving an Asterisk that has opened the event socket itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from aiohttp import web
from ari_lab import running_link, settings_of
from models.gateway_clients import ari
from real.dialling import dialling
from real.wait import until

from aribridge.ari import Link, parting, reader
from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.server.doors.asterisk import AsteriskDoor


@asynccontextmanager
async def dialled() -> AsyncIterator[tuple[Link, PrivateAsterisk]]:
    """A link that is up, on a socket that Asterisk opened."""
    async with dialling() as pbx:
        settings = settings_of(pbx.asterisk, link="outbound")
        async with running_link(settings, wait=False) as (link, _):
            app = web.Application()
            app.add_routes(AsteriskDoor([(settings, link)]).routes())
            runner = web.AppRunner(app)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", pbx.port).start()
                await until(lambda: link.up, what="Asterisk has dialled in")
                yield link, pbx.asterisk
            finally:
                await runner.cleanup()


async def test_the_socket_is_closed_while_no_events_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """To close it in the midst of events may crash Asterisk."""
    monkeypatch.setattr(reader, "QUIET_SECONDS", 1.0)
    now, heard, take = asyncio.get_running_loop().time, [], reader.Reader._take
    monkeypatch.setattr(reader.Reader, "_take", lambda self, text: heard.append(now()) or take(self, text))
    async with dialled() as (link, asterisk), ari(asterisk) as ask:
        leaving = asyncio.create_task(link.part())
        heard[:] = [now()]
        for _ in range(150):
            await ask("POST", "/events/user/busy", application=asterisk.app)
            await asyncio.sleep(0.01)
        # On a busy machine it may be quiet for so long in between, and be left then.
        was_quiet = max(later - earlier for earlier, later in pairwise(heard)) > 0.99
        assert was_quiet or not leaving.done()
        assert isinstance(await asyncio.wait_for(leaving, 30), parting.Parting)


async def test_events_without_an_end_do_not_keep_it_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(reader, "QUIET_TRIES", 2)
    async with dialled() as (link, asterisk), ari(asterisk) as ask:
        leaving = asyncio.create_task(link.part())
        while not leaving.done():
            await ask("POST", "/events/user/busy", application=asterisk.app)
            await asyncio.sleep(0.1)  # more of them, and Asterisk might well not live to see the end of this
        assert isinstance(leaving.result(), parting.Parting)
