"""WebSocket clients in a process of their own: what they cost is not the server's.

`python -m bench.readers URL COUNT TEXT`. Standard input: a first line with a JSON array of what the clients send when
they are open, in turn (empty: nothing), then a line for each round: how often all of them together are to get TEXT.
Answers `open` once, then `done` a round. A gap ends all.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import cycle, islice

import aiohttp
import uvloop

AT_ONCE = 50


class Readers:
    """All clients, and how many events they got."""

    def __init__(self, url: str, text: str) -> None:
        self._url, self._text = url, text
        self._got = 0
        self._greeted = 0
        self._changed = asyncio.Event()
        self._opening = asyncio.Semaphore(AT_ONCE)

    async def read(self, http: aiohttp.ClientSession, hello: object) -> None:
        await self._opening.acquire()
        socket = await http.ws_connect(self._url, protocols=["aribridge.v1"], compress=15)  # offered, as by browsers
        if hello is not None:
            await socket.send_json(hello)
            welcome = json.loads((await socket.receive()).data)
            assert [sub["status"] for sub in welcome["subs"]] == [200], welcome
        self._opening.release()
        self._count(greeted=1)
        async for message in socket:
            self._count(got=message.data.count(self._text))
            if '"type":"gap"' in message.data:
                raise ValueError(message.data)
            if '"type":"ping"' in message.data:
                await socket.send_str('{"type":"pong"}')
        raise ConnectionError(f"closed with {socket.close_code}")

    def _count(self, got: int = 0, greeted: int = 0) -> None:
        self._got += got
        self._greeted += greeted
        self._changed.set()

    async def until_open(self, count: int) -> None:
        while self._greeted < count:
            await self._change()

    async def until_got(self, count: int) -> None:
        while self._got < count:
            await self._change()
        if self._got > count:
            raise ValueError(f"{self._got} came, of {count}")
        self._got = 0

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def main(url: str, count: int, text: str) -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    hellos = json.loads(await orders.readline())
    readers = Readers(url, text)
    connector = aiohttp.TCPConnector(limit=0)
    # A client that fails ends all: what is measured would be without it.
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as clients:
        tasks = [clients.create_task(readers.read(http, hello)) for hello in islice(cycle(hellos), count)]
        await readers.until_open(count)
        print("open", flush=True)
        while line := await orders.readline():
            await readers.until_got(int(line))
            print("done", flush=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
