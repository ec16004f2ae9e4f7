"""Runs the tests of a script, each with a script that was loaded afresh, at time 0."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from structlog.testing import capture_logs

from aribridge.core.settings import ScriptSettings
from aribridge.protocol.problems import Problem
from aribridge.script.calls import Calls
from aribridge.script.chain import ScriptHost
from aribridge.script.errors import ScriptFailure, ScriptLoadError
from aribridge.script.files import module_file, read_source
from aribridge.script.runs import Runs
from aribridge.script.runtime import Runtime
from aribridge.script.stock import lua_folder
from aribridge.script.testing.asterisks import AnsweringAsterisks
from aribridge.script.testing.bench import Bench
from aribridge.script.testing.clock import RestlessError, StuckError
from aribridge.script.testing.files import Suite
from aribridge.script.testing.phones import Phones
from aribridge.script.testing.replays import Replays
from aribridge.script.testing.simulated.world import Sink
from aribridge.script.testing.surroundings import InMemory, Stage

_BUDGET_SECONDS = 5.0
"""CPU time of a test between two calls of T."""
_MEMORY_BYTES = 64 << 20
IN_MEMORY = InMemory()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a test; ``failure`` is empty when it passed, ``where`` is file:line of its failure.

    ``printed`` are the lines that it printed.
    """

    test: str
    where: str
    failure: str
    printed: tuple[str, ...]


def run_suite(suite: Suite, stage: Stage = IN_MEMORY) -> Iterator[Result]:
    """Run each test, in the order of the file. Raises ScriptLoadError; outside of any event loop."""
    names = _Tests(suite.tests).names()
    if not names:
        raise ScriptLoadError(f"{suite.tests}: has no tests, which are global functions called test_something")
    for name in names:
        yield _run_alone(suite, name, stage)


def _run_alone(suite: Suite, name: str, stage: Stage) -> Result:
    try:
        with TemporaryDirectory() as state, asyncio.Runner(loop_factory=stage.loop) as runner:
            return runner.run(_run(suite, name, Path(state), stage))
    except RestlessError:
        text = "the script never comes to rest: something in it goes on and on without waiting for time to pass"
        return Result(name, suite.tests.name, text, ())
    except StuckError:
        return Result(name, suite.tests.name, "the script waits for something that never comes in this test", ())


async def _run(suite: Suite, name: str, state: Path, stage: Stage) -> Result:
    tests = _Tests(suite.tests)
    told: list[Sink] = []

    def tell(target: str, event: dict[str, Any]) -> None:
        for sink in told:
            sink(target, event)

    with capture_logs() as logs:
        async with stage.around(tell) as surroundings:
            asterisks = AnsweringAsterisks(tests.answer, surroundings.behind, tests.faults.append)
            clocks = replace(surroundings.clocks, errors=count(step=60).__next__)  # each error counts
            host = ScriptHost(ScriptSettings(files=[str(suite.script)]), asterisks, state, clocks)
            asterisks.attend(host.flows)
            phones = Phones(asterisks, logs)
            told += [phones.event, host.on_event]
            replays = Replays(suite.tests.parent, asterisks, surroundings, tell, tests.faults.append)
            bench = Bench(host, asterisks, [phones.operations, replays.operations], surroundings, logs)
            try:
                host.load()
                await surroundings.settle()
                failure = await tests.run(name, bench)
                await replays.close()
                # What becomes of calls that the test leaves is no affair of its own.
                faults = [*tests.faults, *phones.astray()]
            finally:
                await host.close()
    where = (failure and failure.where) or suite.tests.name
    texts = (
        [failure.text, *faults] if failure else faults
    )  # what failed in the script is why it did not do what is tested
    return Result(name, where, "; ".join(texts), tuple(tests.printed))


class _SuiteRuntime(Runtime):
    """The interpreter of a file of tests: it has ``T``, and nothing that acts by itself."""

    def _load_host(self, host: Any) -> None:
        super()._load_host(host)
        self._load_file(lua_folder() / "host" / "testing.lua", host)


class _Tests:
    """A file of tests, loaded."""

    def __init__(self, path: Path) -> None:
        self.faults: list[str] = []
        self.printed: list[str] = []
        self._path = path
        self._runtime = _SuiteRuntime(memory_bytes=_MEMORY_BYTES, budget_seconds=_BUDGET_SECONDS, outbox=self._print)
        try:
            self._load()
        except ScriptFailure as failure:
            raise ScriptLoadError(str(failure)) from None

    def names(self) -> list[str]:
        """The tests, in the order of the file."""
        return list(self._runtime.start("tests").value)

    def _load(self) -> None:
        step = self._runtime.start("load", read_source(self._path), self._path.name)
        while step.state == "wait":
            _require, module = step.value
            step = self._runtime.resume(step.number, *self._find(module))

    def _find(self, module: str) -> tuple[bool, dict[str, Any]]:
        try:
            file, name = module_file(module, self._path.parent)
            return True, {"source": read_source(file), "name": name}
        except ScriptLoadError as error:
            return False, Problem("script_error", str(error), source="script").to_error()

    def _print(self, effect: list[Any]) -> None:
        _log, _level, text, _fields = effect
        self.printed.append(text)

    def answer(self, op: str, params: Any) -> Any:
        """What the test answers to an ARI operation. Raises Problem."""
        try:
            return self._runtime.start("answer", op, params).value
        except ScriptFailure as failure:
            self.faults.append(str(failure))
            raise Problem("internal", f"the test's answer to {op} failed: {failure}") from None

    async def run(self, name: str, bench: Bench) -> ScriptFailure | None:
        """Run a test to its end; why it failed."""
        runs = Runs(self._runtime, Calls(bench.operations))
        try:
            await runs.open(None).finish(self._runtime.start("test", name))
        except ScriptFailure as failure:
            return failure
        finally:
            self.faults += await bench.take_errors()
        return None
