"""Where settings come from: a TOML file, then the environment over it, then flags over both."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from aribridge.config.positions import KeyPath, key_lines
from aribridge.config.problems import ConfigError, ConfigProblem
from aribridge.config.schema import is_section, settings_of
from aribridge.core.settings import Settings
from aribridge.files import read_text

PREFIX = "ARIBRIDGE_"
FLAG = "--set"
QUOTED = "', '"
"""Between the names of a section, as tomllib shows them."""
_INDEX = re.compile("[0-9]{1,4}")
"""Of an element of a list, in the name of a variable or a flag."""


class Document:
    """Settings as they were written, and where each was written."""

    def __init__(self, tree: dict[str, Any], origins: dict[KeyPath, str]) -> None:
        self.tree = tree
        self._origins = origins

    def where(self, path: KeyPath) -> str:
        """The place of a key, else of what is in it, else of the nearest table around it; empty for nowhere."""
        below = (place for known, place in self._origins.items() if known[: len(path)] == path)
        around = (self._origins[path[:length]] for length in range(len(path), 0, -1) if path[:length] in self._origins)
        return self._origins.get(path) or next(below, None) or next(around, "")

    def assign(self, names: list[str], text: str, origin: str) -> ConfigProblem | None:
        """Write a value given as text over what is there; a list grows by one element at a time."""
        path = tuple(int(name) if _INDEX.fullmatch(name) else name for name in names)
        try:
            self.tree = _assigned(Settings, self.tree, names, text)
        except IndexError as error:
            return ConfigProblem(origin, ".".join(names), str(error))
        self._origins = {known: place for known, place in self._origins.items() if known[: len(path)] != path}
        self._origins[path] = origin
        return None


def read_toml(path: Path, hint: str) -> Document:
    """Read a file. Raises ConfigError, with the hint when it cannot be read, or when it is not TOML."""
    try:
        text = read_text(path)
        tree, lines = tomllib.loads(text), key_lines(text)
    except OSError as error:
        raise ConfigError([ConfigProblem(str(path), "", f"cannot be read: {error.strerror}. {hint}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([ConfigProblem(str(path), "", "is not UTF-8 text, which TOML has to be.")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(path, str(error))]) from None
    except (ValueError, RecursionError):  # of what TOML allows, and Python does not read
        fault = "has a number of more than 4300 digits, or is nested too deeply."
        raise ConfigError([ConfigProblem(str(path), "", fault)]) from None
    return Document(tree, {key: f"{path}:{line}" for key, line in lines.items()})


def assign_environment(document: Document, env: Mapping[str, str]) -> list[ConfigProblem]:
    """Apply ``ARIBRIDGE_SECTION__KEY`` variables.

    A name without ``__`` counts only when it is a key outside of any section: others of this prefix have other owners
    (Kubernetes sets ``ARIBRIDGE_SERVICE_HOST`` for a service of this name). One that is a key but for that is a typo.
    """
    problems = []
    top_level = {name for name, setting in settings_of(Settings).items() if setting.kind is str}
    single = {"_".join(path): "__".join(path) for path in _keys(Settings)}
    for variable in sorted(env, key=_natural):
        names = variable.removeprefix(PREFIX).lower().split("__")
        if variable.startswith(PREFIX) and (len(names) > 1 or names[0] in top_level):
            problems.append(document.assign(names, env[variable], f"${variable}"))
        elif variable.startswith(PREFIX) and (meant := single.get(names[0])):
            text = f"has no effect: sections and keys are joined by two underscores, {PREFIX}{meant.upper()}."
            problems.append(ConfigProblem(f"${variable}", "", text))
    return [problem for problem in problems if problem]


def _keys(section: type) -> Iterator[tuple[str, ...]]:
    """The keys of a section and of those in it, but for lists."""
    for name, setting in settings_of(section).items():
        if is_section(setting.kind):
            yield from ((name, *rest) for rest in _keys(setting.kind))
        else:
            yield (name,)


def assign_overrides(document: Document, overrides: Mapping[str, str]) -> list[ConfigProblem]:
    """Apply flags, as dotted names (``server.listen``, ``asterisk.0.url``)."""
    problems = [document.assign(name.split("."), text, FLAG) for name, text in overrides.items()]
    return [problem for problem in problems if problem]


def _syntax_problem(path: Path, message: str) -> ConfigProblem:
    """Tomllib's message, with the line where our messages have it, and what to do."""
    fault, _, place = message.rpartition(" (at ")
    fault = re.sub(r"\('(.*?)',?\)", lambda names: f"[{names[1].replace(QUOTED, '.')}]", fault)
    found = re.fullmatch(r"line (\d+), column (\d+)\)", place)
    where, at = (f"{path}:{found[1]}", f"column {found[2]}") if found else (str(path), place.rstrip(")"))
    return ConfigProblem(where, "", f"not valid TOML at {at}: {fault}.{_remedy(fault)}")


def _remedy(fault: str) -> str:
    """For what those run into who are new to TOML, by tomllib's words for it."""
    if fault.startswith("Cannot declare"):
        return " The section is in the file already: put these keys under that one."
    if fault == "Cannot overwrite a value":
        return " This name is in the file already, as a key or a section."
    return " Text stands in quotes." if fault == "Invalid value" else ""


def _assigned(kind: Any, node: Any, names: list[str], text: str) -> Any:
    """A copy of ``node`` with the text put in at ``names``."""
    if not names:
        return _value(kind, text)
    name, rest = names[0], names[1:]
    if get_origin(kind) is list and _INDEX.fullmatch(name):
        items, index = list(node) if isinstance(node, list) else [], int(name)
        if index > len(items):
            raise IndexError(f"there is no element {len(items)} yet; elements count from 0 without holes.")
        item = items[index] if index < len(items) else None
        items[index : index + 1] = [_assigned(get_args(kind)[0], item, rest, text)]
        return items
    table = dict(node) if isinstance(node, dict) else {}
    table[name] = _assigned(_kind_of(kind, name), table.get(name), rest, text)
    return table


def _kind_of(section: Any, name: str) -> Any:
    """The type of a key; Any where nothing is defined."""
    setting = settings_of(section).get(name) if is_section(section) else None
    return setting.kind if setting else Any


def _value(kind: Any, text: str) -> Any:
    """Text as it is where text is wanted, else a TOML value; what is neither stays text and fails the type check."""
    if kind is str or kind is Any or (get_args(kind) and get_origin(kind) not in {list, dict}):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _natural(variable: str) -> list[tuple[int, str]]:
    """Sort key that puts element 2 before element 10."""
    return [(int(part) if _INDEX.fullmatch(part) else -1, part) for part in variable.split("__")]
