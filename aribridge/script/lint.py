"""What is likely to be a mistake in a script that loads: names that nobody defines, hooks that nobody calls."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aribridge.script.bytecode import Use, globals_of
from aribridge.script.files import read_source
from aribridge.script.runtime import Runtime
from aribridge.script.stock import lua_folder
from aribridge.script.testing.files import ENDING


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something to look at: where, and what."""

    file: Path
    line: int
    text: str


def lint(files: Sequence[Path]) -> list[Mistake]:
    """Look at a script and the modules that it requires, the script first. Raises ScriptLoadError."""
    own = [file for file in dict.fromkeys(files) if not file.is_relative_to(lua_folder() / "lib")]
    uses = {file: globals_of(read_source(file)) for file in own}
    given, hooks = _names()
    if files[0].stem.endswith(ENDING):
        given.add("T")
    defined = {use.name for some in uses.values() for use in some if use.written}
    return [*_unknown(uses, defined | given), *_misspelt(files[0], uses[files[0]], hooks)]


def _unknown(uses: Mapping[Path, Iterable[Use]], known: set[str]) -> list[Mistake]:
    first: dict[tuple[Path, str], int] = {}
    for file, some in uses.items():
        for use in some:
            if not use.written and use.name not in known:
                first[file, use.name] = min(use.line, first.get((file, use.name), use.line))
    mistakes = [
        Mistake(file, line, f"nobody defines {name}{_hint(name, known)}") for (file, name), line in first.items()
    ]
    return sorted(mistakes, key=lambda mistake: (mistake.file, mistake.line))


def _misspelt(file: Path, uses: Iterable[Use], hooks: set[str]) -> list[Mistake]:
    """Functions with nearly a hook's name that the script itself never calls."""
    uses = list(uses)
    called = {use.name for use in uses if not use.written}
    return [
        Mistake(file, use.line, f"{use.name} is no hook, nobody calls it{hint}")
        for use in uses
        if use.written and use.name not in hooks | called and (hint := _hint(use.name, hooks))
    ]


def _hint(name: str, candidates: Iterable[str]) -> str:
    plain = {_plain(candidate): candidate for candidate in candidates}
    nearest = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.75)
    return f"; did you mean {plain[nearest[0]]}?" if nearest else ""


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _names() -> tuple[set[str], set[str]]:
    """The globals that scripts are given, and the hooks."""
    runtime = Runtime(memory_bytes=16 << 20, budget_seconds=1.0, outbox=lambda _: None)
    names = runtime.start("names").value
    return set(names["globals"]), set(names["hooks"])
