"""Whoever reads the log may stop to, as journald does while its disk hangs: clients are served all the same."""

import array
import asyncio
import fcntl
import os
import termios

from real.gateway import target
from real.wait import until
from real.wsclient import connect, greeted

FULL = 60_000
"""Bytes that wait in a pipe, which holds 65,536, when there is no room for much more."""


def waiting_in(pipe: int) -> int:
    """How many bytes nobody has read."""
    found = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, found)
    return found[0]


def read_out(pipe: int) -> str:
    """What comes until every writer is gone."""
    return b"".join(iter(lambda: os.read(pipe, FULL), b"")).decode()


async def come_and_go(gateway) -> None:
    """Each connection has lines in the log when it comes and when it goes."""
    async with greeted(gateway.ws_url, gateway.token()):
        pass


async def test_a_log_that_nobody_reads_holds_up_nobody_and_is_whole_once_somebody_does(gateways, asterisk22):
    reading, writing = os.pipe()
    gateway = await gateways.start(target(asterisk22), stderr=writing)
    os.close(writing)
    while waiting_in(reading) < FULL:
        await come_and_go(gateway)
    for _ in range(50):  # these find no room
        await asyncio.wait_for(come_and_go(gateway), 20)
    async with connect(gateway.ws_url) as client:
        welcome = await client.ask(type="hello", token=gateway.token())
    unread = asyncio.create_task(asyncio.to_thread(read_out, reading))
    await until(lambda: waiting_in(reading) == 0, what="the log is read")
    await gateway.stop()
    text = await unread
    os.close(reading)
    assert f'"connection": "{welcome["connection"]}"' in text
    assert all(line.startswith("{") and line.endswith("}") for line in text.splitlines())
    assert "log.lost" not in text
