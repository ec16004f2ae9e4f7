"""Which line of a TOML file each key stands on, which tomllib does not tell."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

KeyPath = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and indexes of arrays of tables."""


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table and key of a valid TOML document."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _enter(parsed, counts, is_array=statement.lstrip().startswith("[["))
            lines.setdefault(table, line)
        else:
            lines.update((table + path, line) for path in _paths(parsed))
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Split into statements: what is cut short inside a string or an array does not parse by itself."""
    pending: list[str] = []
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        start = start if pending else number
        pending.append(line)
        if _parses(statement := "\n".join(pending)):
            yield start, statement
            pending = []


def _parses(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _enter(header: dict[str, Any], counts: dict[KeyPath, int], *, is_array: bool) -> KeyPath:
    """The path of a table header; inside an array of tables it means the newest element."""
    path: KeyPath = ()
    names = _header_names(header)
    for depth, name in enumerate(names, 1):
        path += (name,)
        if is_array and depth == len(names):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path += (counts[path],)
    return path


def _header_names(header: dict[str, Any]) -> list[str]:
    names = []
    node: Any = header
    while node:
        name, node = next(iter(node.items()))
        names.append(name)
        node = node[0] if isinstance(node, list) else node
    return names


def _paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*path, key))
