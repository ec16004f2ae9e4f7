"""WebSocket clients in a process of their own: what they cost is not the server's. `python -m bench.readers URL COUNT`.

Standard input: a first line of JSON that each client sends when it is open (empty: nothing), then a line for each
round: how many messages of type event all of them together are to get. Answers `open` once, then `done` a round.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
import uvloop

AT_ONCE = 50


class Readers:
    """All clients, and how many events they got."""

    def __init__(self, url: str, hello: str) -> None:
        self._url, self._hello = url, hello
        self._got = 0
        self._greeted = 0
        self._changed = asyncio.Event()
        self._opening = asyncio.Semaphore(AT_ONCE)

    async def read(self, http: aiohttp.ClientSession) -> None:
        await self._opening.acquire()
        socket = await http.ws_connect(self._url, protocols=["aribridge.v1"], compress=15)  # offered, as by browsers
        if self._hello:
            await socket.send_str(self._hello)
            welcome = json.loads((await socket.receive()).data)
            assert [sub["status"] for sub in welcome["subs"]] == [200], welcome
        self._opening.release()
        self._count(greeted=1)
        async for message in socket:
            self._count(got=message.data.count('"type":"Bench"'))
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
        self._got -= count

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def main(url: str, count: int) -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    readers = Readers(url, (await orders.readline()).decode().strip())
    connector = aiohttp.TCPConnector(limit=0)
    # A client that fails ends all: what is measured would be without it.
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as clients:
        tasks = [clients.create_task(readers.read(http)) for _ in range(count)]
        await readers.until_open(count)
        print("open", flush=True)
        while line := await orders.readline():
            await readers.until_got(int(line))
            print("done", flush=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
