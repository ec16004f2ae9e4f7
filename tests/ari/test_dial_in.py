"""The sockets that an Asterisk opens, and the link that waits for one."""

import asyncio
from contextlib import asynccontextmanager, suppress

import aiohttp
from aiohttp import web
from real.wait import until

from aribridge.ari.outbound import DialIn


class FaultyHandshakes:
    """Holds the answer to an upgrade, then breaks it, as a connection that is lost just then."""

    def __init__(self) -> None:
        self.holds = asyncio.Event()
        self.go_on = asyncio.Event()
        self.broken = True

    async def prepare(self, _: web.Request, __: web.StreamResponse) -> None:
        self.holds.set()
        await self.go_on.wait()
        if self.broken:
            raise ConnectionResetError


@asynccontextmanager
async def served(dial_in: DialIn, faults: FaultyHandshakes):
    """The address where the sockets of a link arrive."""
    app = web.Application()
    app.router.add_get("/", dial_in.serve)
    app.on_response_prepare.append(faults.prepare)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def hold(dial_in: DialIn, taken: asyncio.Event) -> None:
    async with dial_in.socket():
        taken.set()


async def test_a_socket_that_fails_late_leaves_the_next_wish_for_one() -> None:
    """The link has given up waiting for it meanwhile, and waits again."""
    dial_in, faults, taken = DialIn(), FaultyHandshakes(), asyncio.Event()
    async with served(dial_in, faults) as url, aiohttp.ClientSession() as http:
        first = asyncio.create_task(hold(dial_in, taken))
        await until(lambda: dial_in.is_wanted, what="a socket is wanted")
        failing = asyncio.create_task(http.ws_connect(url, protocols=["ari"]))
        await faults.holds.wait()
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(hold(dial_in, taken))
        await until(lambda: dial_in.is_wanted, what="another socket is wanted")
        faults.go_on.set()
        with suppress(aiohttp.ClientError):
            await failing
        assert dial_in.is_wanted
        faults.broken = False
        async with http.ws_connect(url, protocols=["ari"]):
            await asyncio.wait_for(taken.wait(), 20)
            await second
