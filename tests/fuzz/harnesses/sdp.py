"""Session descriptions: read, answered, and taken all the way to a peer that gathers, is renegotiated and closed.

Nothing is sent from here: candidates of an offer could name any address.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec

from aribridge.core.settings import WebRtcSettings
from aribridge.protocol.problems import Problem
from aribridge.transport.webrtc import RtcEngine, sdp

LONGEST = 16_384
SECONDS = 1.0
LOCAL = sdp.Local("uuuu", "w" * 22, "CD:EF", "active", ("1 1 udp 1 127.0.0.1 9 typ host",), 65536)


class Nobody:
    """Who made the peer, and takes note of its end."""

    address = "127.0.0.1"

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def connected(self) -> None:
        raise AssertionError("connected, to nobody")

    def channel(self, _: Any) -> None:
        raise AssertionError("a channel, from nobody")

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)


def try_one(data: bytes) -> None:
    """An offer, then after a line ``#!`` trickled candidates as JSON, one a line, then after another a new offer."""
    offer, candidates, again, *_ = [*data.decode("utf-8", "surrogateescape").split("\n#!\n"), "", ""]
    try:
        remote = sdp.parse(offer)
    except Problem as problem:
        _check(problem)
        return
    answer = sdp.write_answer(remote, LOCAL, session="1", version=1)
    assert sdp.parse(answer).data.mid == remote.data.mid, "the answer is not one to the offer"
    _RUNNER.run(_serve(offer, candidates, again))


async def _serve(offer: str, candidates: str, again: str) -> None:
    global _ENGINE  # noqa: PLW0603 - one for all inputs: its certificate takes longer than an input
    loop = asyncio.get_running_loop()
    failures: list[Any] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    if _ENGINE is None:
        _ENGINE = await _engine()
    nobody = Nobody()
    try:
        peer = await _ENGINE.answer(offer, nobody)
    except Problem as problem:
        _check(problem)
    else:
        await _go_on(peer, candidates, again)
        await peer.close("Close PC")
        assert nobody.reasons == ["Close PC"]
    assert _ENGINE.peers == 0
    for _ in range(3):
        await asyncio.sleep(0)
    assert not failures, failures[0]
    assert len(asyncio.all_tasks()) == 1, asyncio.all_tasks()


async def _go_on(peer: Any, candidates: str, again: str) -> None:
    for line in candidates.splitlines()[:100]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if value is None or isinstance(value, dict):
            try:
                await peer.add_candidate(value)
            except Problem as problem:
                _check(problem)
    if again:
        try:
            await peer.renegotiate(again)
        except Problem as problem:
            _check(problem)
    assert len(peer._ice._remote_candidates) <= sdp.MAX_CANDIDATES


async def _engine() -> RtcEngine:
    engine = RtcEngine(WebRtcSettings(), frame=65_536, default_address=("127.0.0.1", 0))
    await engine.start()
    for port in engine._ports._bound:  # type: ignore[attr-defined]
        port.send = port.send_all = lambda *_: None
    return engine


def _check(problem: Problem) -> None:
    assert problem.code in {"bad_sdp", "ice_restart"}, problem
    assert len(msgspec.json.encode(problem.to_error())) < 1000, problem


_RUNNER = asyncio.Runner(loop_factory=asyncio.new_event_loop)
_ENGINE: RtcEngine | None = None
