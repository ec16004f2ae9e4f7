"""Bring what was written into the classes of ``core.settings``; all faults are reported, none stops the rest."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, get_args, get_origin

from aribridge.config.positions import KeyPath
from aribridge.config.schema import Setting, is_section, settings_of
from aribridge.core.settings import Settings

Report = Callable[[KeyPath, str], None]
Section = TypeVar("Section")


def bind(tree: dict[str, Any], report: Report) -> Settings:
    """The settings; a key that was reported keeps its default."""
    bound: Settings = _section(Settings, tree, (), report)
    return bound


def bind_section(kind: type[Section], table: dict[str, Any], report: Report) -> Section:
    """One class of settings out of a table; as `bind` otherwise."""
    bound: Section = _section(kind, table, (), report)
    return bound


def _section(kind: type, table: dict[str, Any], path: KeyPath, report: Report) -> Any:
    known = settings_of(kind)
    for name in table.keys() - known.keys():
        report((*path, name), _unknown(name, kind))
    values = {}
    for name in known.keys() & table.keys():
        try:
            values[name] = _value(known[name], known[name].kind, table[name], (*path, name), report)
        except TypeError as error:
            report((*path, name), str(error))
    return kind(**values)


def _value(setting: Setting, kind: Any, value: Any, path: KeyPath, report: Report) -> Any:
    """The value in its type. Raises TypeError that says what is expected."""
    if is_section(kind) and isinstance(value, dict):
        return _section(kind, value, path, report)
    if get_origin(kind) is list and isinstance(value, list):
        return _items(setting, get_args(kind)[0], value, path, report)
    if get_origin(kind) is dict and is_section(get_args(kind)[1]) and isinstance(value, dict):
        return _tables(setting, get_args(kind)[1], value, path, report)
    if is_section(setting.item) and kind is setting.kind and isinstance(value, dict):
        header = ".".join(step for step in path if isinstance(step, str))
        raise TypeError(f"has two brackets, [[{header}]]: there may be several.")
    if setting.choices:
        return _choice(setting, value)
    if not _fits(kind, value):
        raise TypeError(f"expected {_wanted(kind)}, got {_shown(setting, value)}.{_example(setting)}")
    return float(value) if kind is float else value


def _items(setting: Setting, kind: Any, values: list[Any], path: KeyPath, report: Report) -> list[Any]:
    items = []
    for index, value in enumerate(values):
        try:
            items.append(_value(setting, kind, value, (*path, index), report))
        except TypeError as error:
            report((*path, index), str(error))
    return items


def _tables(setting: Setting, kind: Any, tables: dict[str, Any], path: KeyPath, report: Report) -> dict[str, Any]:
    """Sections with names of the user's own."""
    bound = {}
    for name, value in tables.items():
        try:
            bound[name] = _value(setting, kind, value, (*path, name), report)
        except TypeError as error:
            report((*path, name), str(error))
    return bound


def _choice(setting: Setting, value: Any) -> str:
    if value in setting.choices:
        return str(value)
    wanted = ", ".join(f'"{choice}"' for choice in setting.choices)
    raise TypeError(f"expected one of {wanted}, got {_shown(setting, value)}.{meant(str(value), setting.choices)}")


def _fits(kind: Any, value: Any) -> bool:
    if isinstance(value, bool):  # bool is a kind of int in Python, but not in TOML.
        return kind is bool
    if kind is float:
        return isinstance(value, int | float) and abs(value) <= sys.float_info.max
    return not is_section(kind) and isinstance(value, get_origin(kind) or kind)


def _wanted(kind: Any) -> str:
    if is_section(kind):
        return "a table"
    words = {str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number"}
    words |= {list: "a list in [ ]", dict: "a table in { }"}
    return words[get_origin(kind) or kind]


def _shown(setting: Setting, value: Any) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if setting.secret:
        return "something else"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _example(setting: Setting) -> str:
    if setting.secret or is_section(setting.kind) or isinstance(setting.default, bool):
        return ""
    if setting.default in ("", [], {}):
        return ""
    shown = json.dumps(setting.default) if isinstance(setting.default, str | list) else setting.default
    return f" The default is {shown}{f' {setting.unit}' if isinstance(shown, int | float) else ''}."


def _unknown(name: str, section: type) -> str:
    known = settings_of(section)
    if question := meant(name, known):
        return f"unknown key.{question}"
    elsewhere = [title for title, kind in _sections() if _plain(name) in settings_of(kind)]
    if elsewhere:
        return f"unknown key here; it belongs under {' or '.join(elsewhere)}."
    return f"unknown key. Known here: {', '.join(known)}."


def meant(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest of what is known; empty where nothing is near."""
    plain = {one.lower(): one for one in known}
    close = difflib.get_close_matches(_plain(name), plain, n=1)
    return f" Did you mean {plain[close[0]]}?" if close else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _sections(section: type = Settings, prefix: str = "") -> Iterator[tuple[str, type]]:
    """Each section with its TOML header."""
    for name, setting in settings_of(section).items():
        inner = setting.item if is_section(setting.item) else setting.kind
        if is_section(inner):
            yield f"[[{prefix}{name}]]" if setting.item else f"[{prefix}{name}]", inner
            yield from _sections(inner, f"{prefix}{name}.")
