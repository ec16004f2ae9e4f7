"""The log goes out without anybody waiting for who reads it."""

import os
import threading

import pytest
import structlog

from aribridge.obs import metrics
from aribridge.obs.outlet import Outlet

LINE = "x" * 999 + "\n"
ROOM = 200_000


@pytest.fixture
def pipe():
    """A pipe that nobody reads unless told to; both ends are closed at the end."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def fill(outlet: Outlet) -> int:
    """Write until lines are lost; how many there were."""
    before, lines = metrics.log_lost_total._value.get(), 0
    while metrics.log_lost_total._value.get() == before:
        outlet.write(LINE)
        lines += 1
    return lines


def read(end: int, size: int) -> str:
    """Read that many bytes."""
    text = b""
    while len(text) < size:
        text += os.read(end, size - len(text))
    return text.decode()


def test_what_is_taken_at_once_is_written_at_once_and_by_no_thread(pipe):
    before = {*threading.enumerate()}
    Outlet(pipe[1]).write(LINE * 20)
    assert read(pipe[0], 20 * len(LINE)) == LINE * 20
    assert {*threading.enumerate()} <= before


def test_what_is_longer_than_there_is_room_for_holds_up_nobody(pipe):
    outlet = Outlet(pipe[1], ROOM)
    writing = threading.Thread(target=outlet.write, args=(LINE * 100,), daemon=True)
    writing.start()
    writing.join(10)
    is_held_up = writing.is_alive()
    assert read(pipe[0], 100 * len(LINE)) == LINE * 100
    assert not is_held_up


def test_lines_keep_their_order_and_so_many_wait(pipe):
    outlet = Outlet(pipe[1], ROOM)
    lines = fill(outlet)
    assert ROOM < lines * len(LINE) < ROOM + 70_000
    assert read(pipe[0], (lines - 1) * len(LINE)) == LINE * (lines - 1)
    outlet.drain()
    outlet.write("next\n")
    assert read(pipe[0], 5) == "next\n"


def test_how_many_lines_were_lost_is_told_once_somebody_reads(pipe):
    outlet = Outlet(pipe[1], ROOM)
    with structlog.testing.capture_logs() as logged:
        lines = fill(outlet)
        outlet.write(LINE)
        read(pipe[0], (lines - 1) * len(LINE))
        outlet.drain()
        outlet.write(LINE)  # after what was told
        read(pipe[0], len(LINE))
    assert [(line["event"], line["lines"]) for line in logged] == [("log.lost", 2)]


def test_the_process_ends_though_nobody_reads(pipe):
    outlet = Outlet(pipe[1], ROOM)
    fill(outlet)
    outlet.drain(0.01)


def test_a_reader_that_is_gone_harms_nobody():
    reading, writing = os.pipe()
    os.close(reading)
    before = metrics.log_lost_total._value.get()
    Outlet(writing).write(LINE)
    os.close(writing)
    assert metrics.log_lost_total._value.get() == before + 1


def test_a_pipe_that_somebody_else_made_refuse_rather_than_wait(pipe):
    os.set_blocking(pipe[1], False)
    outlet = Outlet(pipe[1], ROOM)
    lines = fill(outlet)
    assert read(pipe[0], (lines - 1) * len(LINE)) == LINE * (lines - 1)
