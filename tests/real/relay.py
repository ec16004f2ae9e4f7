"""A UDP relay that loses packets, as radio links and crowded lines do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class LossyRelay(asyncio.DatagramProtocol):
    """Forwards between any number of clients and 127.0.0.1:`target`, each by a socket of its own.

    `loss` is the part of the packets that it drops, in both directions; `lost` counts them. `port` is where clients
    send to.
    """

    def __init__(self, target: int, seed: int) -> None:
        self.target = target
        self.port = 0
        self.loss = 0.0
        self.lost = 0
        self._random = Random(seed)
        self._transport: asyncio.DatagramTransport
        self._far: dict[Any, asyncio.Task[_FarSide]] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr not in self._far:
            self._far[addr] = asyncio.create_task(self._connect(addr))
        self._far[addr].add_done_callback(lambda far: self.drop_or(far.result().transport.sendto, data))

    def drop_or(self, send: Any, data: bytes, *address: Any) -> None:
        if self._random.random() < self.loss:
            self.lost += 1
        elif not self._transport.is_closing():
            send(data, *address)

    def back(self, data: bytes, client: Any) -> None:
        self.drop_or(self._transport.sendto, data, client)

    async def _connect(self, client: Any) -> _FarSide:
        loop = asyncio.get_running_loop()
        _, far = await loop.create_datagram_endpoint(
            lambda: _FarSide(self, client), remote_addr=("127.0.0.1", self.target)
        )
        return far

    async def close(self) -> None:
        for far in await asyncio.gather(*self._far.values()):
            far.transport.close()
        self._transport.close()


class _FarSide(asyncio.DatagramProtocol):
    """The socket by which one client reaches the target."""

    def __init__(self, relay: LossyRelay, client: Any) -> None:
        self._relay, self._client = relay, client
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._relay.back(data, self._client)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens at the moment: lost, as on any network."""


@asynccontextmanager
async def lossy_relay(target: int, seed: int = 1) -> AsyncIterator[LossyRelay]:
    """Run a relay in front of a UDP port of this machine."""
    _, relay = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: LossyRelay(target, seed), local_addr=("127.0.0.1", 0)
    )
    try:
        yield relay
    finally:
        await relay.close()
