"""Which tests belong to which script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aribridge.script.errors import ScriptLoadError

ENDING = "_test"
"""Of the name of a file of tests."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A script, and the file of its tests."""

    script: Path
    tests: Path


def find_suites(files: Iterable[Path]) -> list[Suite]:
    """The suites of scripts, or of files of tests, each once. Raises ScriptLoadError for a file without its pair."""
    return list(dict.fromkeys(map(_suite, files)))


def _suite(file: Path) -> Suite:
    if file.stem.endswith(ENDING):
        return Suite(_first(file, "script", _scripts(file)), file)
    return Suite(file, _first(file, "tests", _tests(file)))


def _tests(script: Path) -> Iterator[Path]:
    name = f"{script.stem}{ENDING}.lua"
    yield script.with_name(name)
    yield script.parent / "tests" / name
    yield script.parent.parent / "tests" / name


def _scripts(tests: Path) -> Iterator[Path]:
    name = f"{tests.stem.removesuffix(ENDING)}.lua"
    yield tests.with_name(name)
    if tests.parent.name == "tests":
        yield tests.parent.parent / name
        yield from sorted(tests.parent.parent.glob(f"*/{name}"))


def _first(file: Path, what: str, places: Iterator[Path]) -> Path:
    looked = list(dict.fromkeys(places))
    found = next((place for place in looked if place.is_file()), None)
    if found is None:
        raise ScriptLoadError(f"{file}: has no {what}; looked for {', '.join(map(str, looked))}")
    return found
