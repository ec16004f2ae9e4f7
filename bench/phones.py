"""Calls by real SIP phones, of a hundred agents who are told of their own each, and two clients who are told of all.

An agent's token says which phone is hers, and the shipped policy that she may see her own calls. Asterisk has one core
to itself, and SIPp makes as many calls as it takes.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from real.machine import free_port, program

from bench.asker import DEADLINE
from bench.figures import Cpu, Row, compare
from bench.websockets import readers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bench.lab import Lab

ROUNDS, CALLS, AT_ONCE = 5, 2000, 16
AGENTS, SUPERVISORS = 100, 2
SCENARIO = Path(__file__).parent / "sipp/agent.xml"
ENDED = '"type":"ChannelDestroyed"'
PHONE = """
[agent](!)
type = endpoint
transport = udp
context = default
disallow = all
allow = ulaw
direct_media = no
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
"""


class Round(NamedTuple):
    """What one round of calls took: CPU seconds of both sides, seconds until all were made and until all were told."""

    ours: float
    theirs: float
    made: float
    told: float


async def sustained(lab: Lab) -> list[Row]:
    """Calls a second as they are made and as they are told, and what each takes."""
    await _add_phones(lab)
    async with (
        _one_core(lab),
        readers(lab.gateway.ws_url + "/v1/ws", AGENTS + SUPERVISORS, *_hellos(lab), text=ENDED) as told,
    ):
        found = [await _round(lab, told) for _ in range(ROUNDS)]
    who = f"{AGENTS} agents told of their own and {SUPERVISORS} of all, no gap"
    rates = [(CALLS / one.told, CALLS / one.made) for one in found]
    costs = [(one.ours * 1e6 / CALLS, one.theirs * 1e6 / CALLS) for one in found]
    return [
        compare(
            f"calls of SIP phones told, {who}",
            "a second",
            "calls that Asterisk made on one core",
            rates,
            better="higher",
            goal=0.98,  # the last are told a moment after they were made
        ),
        compare(f"CPU per call of a SIP phone, {who}", "µs", "Asterisk's own CPU for the same calls", costs),
    ]


async def _round(lab: Lab, told: Callable[[int], Awaitable[None]]) -> Round:
    assert lab.asterisk.pid is not None
    began = time.monotonic()
    with Cpu(lab.gateway.pid) as ours, Cpu(lab.asterisk.pid) as theirs:
        all_told = asyncio.create_task(told(CALLS * (1 + SUPERVISORS)))
        await _call(lab)
        made = time.monotonic() - began
        await all_told
    return Round(ours.seconds, theirs.seconds, made, time.monotonic() - began)


async def _call(lab: Lab) -> None:
    """One call after the other of each agent in turn, so many at once."""
    options = f"-nostdin -s 601 -m {CALLS} -l {AT_ONCE} -r {CALLS} -i 127.0.0.1 -mi 127.0.0.1"
    ports = f"-p {free_port()} -cp {free_port()} 127.0.0.1:{lab.asterisk.sip_port}"
    files = ("-sf", str(SCENARIO), "-inf", str(lab.folder / "agents.csv"))
    with (lab.folder / "sipp.log").open("wb") as log:
        sipp = await asyncio.create_subprocess_exec(
            program("sipp"), *files, *options.split(), *ports.split(), stdout=log, stderr=log, cwd=lab.folder
        )
    try:
        assert await asyncio.wait_for(sipp.wait(), DEADLINE) == 0, "SIPp failed"
    finally:
        if sipp.returncode is None:
            sipp.kill()


async def _add_phones(lab: Lab) -> None:
    (lab.folder / "agents.csv").write_text("SEQUENTIAL\n" + "".join(f"{name};\n" for name in _names()))
    with (lab.asterisk.folder / "etc/pjsip.conf").open("a") as pjsip:
        pjsip.write(PHONE + "".join(f"\n[{name}](agent)\n" for name in _names()))
    await lab.asterisk.cli("module reload res_pjsip.so")


def _names() -> list[str]:
    return [f"agent-{number}" for number in range(AGENTS)]


def _hellos(lab: Lab) -> list[dict[str, Any]]:
    """What each client says: the agents, whose roles count, then those who may see everything."""
    agents = [
        lab.gateway.token(sub=name, ops=None, roles=["agent"], endpoints=[f"PJSIP/{name}"], minutes=60)
        for name in _names()
    ]
    tokens = [*agents, *[lab.gateway.token(minutes=60)] * SUPERVISORS]
    return [{"type": "hello", "id": 1, "token": token, "subs": [{"sub": 1, "target": "pbx"}]} for token in tokens]


@asynccontextmanager
async def _one_core(lab: Lab) -> AsyncIterator[None]:
    """All threads of Asterisk on one core."""
    cores = os.sched_getaffinity(0)
    _pin(lab, {min(cores)})
    yield
    _pin(lab, cores)


def _pin(lab: Lab, cores: set[int]) -> None:
    for thread in Path(f"/proc/{lab.asterisk.pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)
