"""What the tests of the Asterisk side share: a recording sink, a link that runs, a TCP proxy that misbehaves."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from real.wait import until

from aribridge.ari import Link, lanes
from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.command import Command
from aribridge.core.settings import AsteriskSettings


def settings_of(asterisk: PrivateAsterisk, **changes: Any) -> AsteriskSettings:
    settings = AsteriskSettings(url=asterisk.ari_url, user=asterisk.user, password=asterisk.password, app=asterisk.app)
    return replace(settings, **changes)


class Sink:
    """Records what a link tells: events, and `up`/`lost` among them in order."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    def event(self, text: str) -> None:
        self._tell(json.loads(text))

    def up(self, *, continued: bool) -> None:
        self._tell({"type": "up", "continued": continued})

    def lost(self, reason: str) -> None:
        self._tell({"type": "lost", "reason": reason})

    def types(self) -> list[str]:
        return [told["type"] for told in self.told]

    async def wait_for(self, condition: Callable[[dict[str, Any]], Any], *, within: float = 20) -> dict[str, Any]:
        """The first thing told that meets the condition, now or later."""
        async with asyncio.timeout(within):
            while True:
                for told in self.told:
                    if condition(told):
                        return told
                self._changed.clear()
                await self._changed.wait()

    async def wait_for_type(self, name: str, *, within: float = 20) -> dict[str, Any]:
        return await self.wait_for(lambda told: told["type"] == name, within=within)

    def _tell(self, what: dict[str, Any]) -> None:
        self.told.append(what)
        self._changed.set()


@asynccontextmanager
async def running_link(settings: AsteriskSettings, *, wait: bool = True) -> AsyncIterator[tuple[Link, Sink]]:
    sink = Sink()
    link = Link(settings, sink)
    task = asyncio.create_task(link.run())
    try:
        if wait:
            await until(lambda: link.up or task.done(), within=20, what="link up")
        yield link, sink
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until_lanes(link: Link) -> None:
    async def all_up() -> bool:
        return len(await lanes_of(link)) == lanes.LANES and link.commands == "lanes"

    await until(all_up, within=20, what="lanes up")


async def lanes_of(link: Link) -> list[dict[str, Any]]:
    """The applications that are lanes of this link's, as Asterisk lists them, once their filter is set."""
    answer = await link.call(Command(link.name, "applications.list"))
    apps = json.loads(answer.body or b"")
    return [app for app in apps if app["name"].startswith(f"{link.app}-lane-") and app["events_allowed"]]


ALL_METHODS = (b"GET ", b"POST ", b"PUT ", b"DELETE ")


class FaultyProxy:
    """A TCP proxy that can stop forwarding (a half-open link), cut connections, and counts them and requests.

    `cut_next`: the next request's connection is closed instead of forwarding it. `mute`: requests by these methods are
    swallowed, while what comes on sockets that are open goes on, as at an Asterisk that is locked up inside.
    `lanes_mute`: what is sent on lanes is swallowed.
    """

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._target = urlsplit(url)
        self.url = ""
        self.connections = 0
        self.requests = 0
        self.frozen = False
        self.cut_next = False
        self.mute: tuple[bytes, ...] = ()
        self.lanes_mute = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._lanes: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "FaultyProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}{self._target.path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        for writer in self._writers:
            writer.close()

    def cut_lanes(self) -> None:
        for writer in self._lanes:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            up_reader, up_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, up_writer}
        for source, sink in ((reader, up_writer), (up_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink, count=source is reader))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, count: bool) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                is_request = count and b" HTTP/1.1\r\n" in data
                self.requests += is_request
                if is_request and b"-lane-" in data.partition(b"\r\n")[0] and b"/events?" in data:
                    self._lanes.add(sink)
                if is_request and self.cut_next:
                    self.cut_next = False
                    break
                swallowed = self.lanes_mute and sink in self._lanes
                if not (self.frozen or swallowed or (is_request and data.startswith(self.mute))):
                    sink.write(data)
                    await sink.drain()
        sink.close()
