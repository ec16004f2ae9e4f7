"""A failure that comes again and again is logged once a second at most."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from aribridge.script.errors import ScriptFailure
from aribridge.script.failures import FailureLog


class FakeClock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_what_is_left_out_is_counted(clock: FakeClock) -> None:
    log = FailureLog("main.lua", clock.monotonic)
    with capture_logs() as lines:
        for _ in range(10):
            log.write("on_event", ScriptFailure("broken", where="main.lua:2"))
        log.write("on_event", ScriptFailure("broken elsewhere", where="main.lua:3"))
        clock.now += 1.0
        log.write("on_event", ScriptFailure("broken", where="main.lua:2"))
    assert [(line["where"], line["repeated"]) for line in lines] == [
        ("main.lua:2", 0),
        ("main.lua:3", 0),
        ("main.lua:2", 9),
    ]


def test_what_is_remembered_is_bounded(clock: FakeClock) -> None:
    log = FailureLog("main.lua", clock.monotonic)
    with capture_logs() as lines:
        for number in range(1000):
            log.write("on_event", ScriptFailure("broken", where=f"main.lua:{number}"))
        log.write("on_event", ScriptFailure("broken", where="main.lua:0"))
    assert len(lines) == 1001


def test_the_last_failures_are_told_each_place_once() -> None:
    log = FailureLog("main.lua")
    with capture_logs():
        for number in (*range(1000), 999, 998):
            log.write("on_event", ScriptFailure("broken", where=f"main.lua:{number}"))
    last = log.last()
    assert len(last) == 20
    assert [(error["where"], error["times"]) for error in last[:3]] == [
        ("main.lua:998", 2),
        ("main.lua:999", 2),
        ("main.lua:997", 1),
    ]
