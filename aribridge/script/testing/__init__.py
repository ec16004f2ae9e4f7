"""`aribridge script test`: tests of scripts, written in Lua, without an Asterisk and in simulated time."""

from aribridge.script.testing.files import Suite, find_suites
from aribridge.script.testing.suite import Result, run_suite

__all__ = ["Result", "Suite", "find_suites", "run_suite"]
