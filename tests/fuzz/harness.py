"""What all harnesses share: an input is taken or refused as documented, in bounded time, without an error in the log.

A harness is a module in ``fuzz/harnesses`` with ``try_one(data)``, which returns when the input was taken or refused in
a documented way, and raises otherwise. ``LONGEST`` is the longest input in bytes that is tried, ``SECONDS`` the CPU
time that one may take, ``MAY_LOG`` the errors that may be logged: those of a script, say.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CORPUS = Path(__file__).with_name("corpus")
NAMES = sorted(file.stem for file in Path(__file__).with_name("harnesses").glob("[a-z]*.py"))


class Finding(AssertionError):
    """An input was neither taken nor refused as documented."""


@dataclass(frozen=True)
class Harness:
    name: str
    longest: int
    seconds: float
    may_log: frozenset[str]
    try_one: Callable[[bytes], None]

    def run(self, data: bytes, *, slowness: float = 1.0) -> None:
        """Try an input. ``slowness``: how many times slower than by itself the code runs here. Raises Finding."""
        started = time.process_time()
        with capture_logs() as logs:
            self.try_one(data)
        took = time.process_time() - started
        if took > self.seconds * slowness:
            raise Finding(f"{len(data)} bytes took {took:.2f} s of CPU; at most {self.seconds} s are expected")
        for entry in logs:
            if entry["log_level"] in {"error", "critical"} and entry["event"] not in self.may_log:
                raise Finding(f"logged as an error: {entry}")

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    def seeds(self) -> Iterator[Path]:
        """Real inputs, and those that were findings once (``finding-...``)."""
        return iter(sorted(self.corpus.iterdir()))


def load(name: str) -> Harness:
    module = import_module(f"fuzz.harnesses.{name}")
    return Harness(name, module.LONGEST, module.SECONDS, frozenset(getattr(module, "MAY_LOG", ())), module.try_one)
