"""What harnesses of connections share: input that is a script of steps, and simulated time to play it in."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Any

from aribridge.script.testing.clock import SimulatedLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

MOST_STEPS = 64


def steps(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each with a byte for what it is, and two for the length of what follows."""
    at = 0
    for _ in range(MOST_STEPS):
        if at + 3 > len(data):
            return
        length = unpack_from("!H", data, at + 1)[0]
        yield data[at], data[at + 3 : at + 3 + length]
        at += 3 + length


def play(scene: Coroutine[Any, Any, None]) -> None:
    """Run a scene in simulated time to its end; nothing in it may fail unseen."""
    loop = SimulatedLoop()
    failures: list[Any] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    try:
        loop.run_until_complete(scene)
        loop.run_until_complete(loop.settle())
    finally:
        loop.close()
    assert not failures, failures[0]
