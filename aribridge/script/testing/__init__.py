"""`aribridge script test`: tests of scripts, written in Lua, without an Asterisk in simulated time, or with one."""

from aribridge.script.testing.files import Suite, find_suites
from aribridge.script.testing.simulated.world import Sink
from aribridge.script.testing.suite import IN_MEMORY, Result, run_suite
from aribridge.script.testing.surroundings import Stage, StageError, Surroundings

__all__ = [
    "IN_MEMORY",
    "Result",
    "Sink",
    "Stage",
    "StageError",
    "Suite",
    "Surroundings",
    "find_suites",
    "run_suite",
]
