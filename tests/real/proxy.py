"""A TCP proxy whose connections a test can break, to do what a network does."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK = 65536
METHODS = (b"GET ", b"POST ", b"PUT ", b"DELETE ")


class FaultyProxy:
    """Forwards to 127.0.0.1:`target` until told otherwise. `port` is its own; `connections` counts those ever made.

    `requests` are the request lines of HTTP that went through it. `delay` in seconds and `rate` in bytes per second
    hold back each connection, in each direction.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []
        self.delay = 0.0
        self.rate = 0.0
        self._is_cutting = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._loses_answers = self._is_mute = self._refuses = False
        self._deaf: set[asyncio.StreamWriter] = set()

    def drop(self) -> None:
        """Reset every connection, as a lost network does in the end."""
        for writer in self._writers:
            writer.transport.abort()

    def cut(self) -> None:
        """Forward half of what comes next from the target, then reset every connection."""
        self._is_cutting = True

    def freeze(self) -> None:
        """Forward nothing any more, in silence, and keep the connections open."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def lose_answers(self) -> None:
        """Lose the answer to each POST that comes next; what else comes on its connection is lost, too."""
        self._loses_answers = True

    def keep_answers(self) -> None:
        """Lose nothing any more but what was asked before; `drop` ends those connections."""
        self._loses_answers = False

    def refuse(self) -> None:
        """Let nobody connect."""
        self._refuses = True

    def accept(self) -> None:
        self._refuses = False

    def mute(self) -> None:
        """Lose all that comes from the target."""
        self._is_mute = True

    def unmute(self) -> None:
        self._is_mute = False

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._refuses:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(far_writer)
        if writer.transport.is_closing():  # dropped meanwhile: what it has sent goes nowhere
            far_writer.transport.abort()
        asked = partial(self._ask, back=writer)
        await asyncio.gather(self._forward(reader, far_writer, asked), self._forward(far_reader, writer, self._tell))
        self._writers -= {writer, far_writer}
        self._deaf.discard(writer)

    async def stop(self) -> None:
        """End every connection."""
        self.thaw()
        self.delay = self.rate = 0.0
        while self._tasks:
            # Again, for what is being opened to the target at this moment.
            self.drop()
            await asyncio.wait(self._tasks, timeout=0.1)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, put) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(int(self.rate / 10) or CHUNK):
                await self._flowing.wait()
                await asyncio.sleep(self.delay + (len(data) / self.rate if self.rate else 0))
                put(data, writer)
                await writer.drain()
        writer.close()

    def _ask(self, data: bytes, writer: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        if data.startswith(METHODS):
            self.requests.append(data.split(b"\r\n", 1)[0])
        if self._loses_answers and data.startswith(b"POST "):
            self._deaf.add(back)
        writer.write(data)

    def _tell(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self._is_mute or writer in self._deaf:
            return
        if self._is_cutting:
            self._is_cutting = False
            writer.write(data[: len(data) // 2])
            self.drop()
        else:
            writer.write(data)


@asynccontextmanager
async def faulty_proxy(target: int) -> AsyncIterator[FaultyProxy]:
    """Run a proxy in front of a TCP port of this machine."""
    proxy = FaultyProxy(target)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()
        await server.wait_closed()
