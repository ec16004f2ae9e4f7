"""Commands of one client while others do harm: its own p99 with the harm beside its own p99 without."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from faults.wires import narrow_socket

from bench.asker import asker
from bench.figures import Row, at, compare
from bench.latency import timed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from bench.asker import Asker
    from bench.lab import Lab

ROUNDS = 5
PINGS = 1000
LOOP = {"type": "message", "data": {"loop": True}}
BURST = {"type": "message", "data": {"burst": 20}}
STALLED_BYTES = 100_000
SUBSCRIBE = {"type": "subscribe", "sub": 1, "target": "pbx", "filter": {"type": ["Bench"]}}


async def beside(lab: Lab) -> list[Row]:
    """A script that never ends its hook, and a client that never reads what it subscribed to."""
    async with asker(lab) as client, asker(lab) as other:
        stalls = []
        for _ in range(ROUNDS):
            alone = await _p99(client, _again(other, BURST, "done"))
            async with _stalled(lab):
                stalls.append((await _p99(client, _again(other, BURST, "done")), alone))
        # Last: the hook rests for a while after it.
        loops = [(await _p99(client, _again(other, LOOP, "script_error")), await _p99(client)) for _ in range(ROUNDS)]
    name = f"p99 of {PINGS:,} pings beside"
    return [
        compare(f"{name} a script that loops for ever, again and again", "ms", "its own p99 without", loops),
        compare(f"{name} events, with a client that does not read them", "ms", "its own p99 without that", stalls),
    ]


async def _p99(client: Asker, meanwhile: Coroutine[Any, Any, None] | None = None) -> float:
    async with asyncio.TaskGroup() as group:
        harming = None if meanwhile is None else group.create_task(meanwhile)
        times = [await timed(client.ping) for _ in range(PINGS)]
        if harming is not None:
            harming.cancel()
    return at(99, times)


async def _again(other: Asker, message: dict[str, Any], outcome: str) -> None:
    while True:
        answer = await other.ask(message)
        assert answer.get("error", {}).get("code", "done") == outcome, answer


@asynccontextmanager
async def _stalled(lab: Lab) -> AsyncIterator[None]:
    async with asker(lab, socket_factory=narrow_socket) as client:
        await client.ask(SUBSCRIBE)
        client.stop_reading()
        yield
        waiting = (await lab.gateway.metrics())["aribridge_outbox_most_bytes"]
        assert waiting > STALLED_BYTES, f"only {waiting} bytes wait for the client that does not read"
