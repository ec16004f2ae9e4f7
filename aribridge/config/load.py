"""From files, environment and flags to checked settings, or to all that is wrong with them."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from aribridge.config.bind import Report, bind
from aribridge.config.checks import check, check_complete
from aribridge.config.files import check_files, resolve_paths
from aribridge.config.policy import policy_problems
from aribridge.config.positions import KeyPath
from aribridge.config.problems import ConfigError, ConfigProblem
from aribridge.config.sources import FLAG, Document, assign_environment, assign_overrides, read_toml
from aribridge.core.settings import Settings

PLACES = (Path("aribridge.toml"), Path("/etc/aribridge/aribridge.toml"))
SERVICE_STATE = "/var/lib/aribridge"
"""The state folder of the gateway that the machine's configuration is for, as the shipped unit sets it."""


def find() -> Path | None:
    """The configuration that is used when none is named: in this folder, else the machine's."""
    return next((place for place in PLACES if _is_there(place)), None)


def load(path: Path | None, env: Mapping[str, str], overrides: Mapping[str, str], *, complete: bool = True) -> Settings:
    """Read a TOML file, ``ARIBRIDGE_SECTION__KEY`` variables over it, and dotted keys of flags over both.

    Paths become absolute, relative ones from the file's folder; passwords are read from their files. ``complete``
    asks for an Asterisk and a way to get in, which a development run brings itself. Raises ConfigError with every
    fault there is; no secret is in its text.
    """
    reading = _Reading(path, env, overrides)
    settings, report = reading.settings, reading.report
    check(settings, report)
    check_files(settings, report)
    reading.problems += policy_problems(settings.auth, report)
    _check_inline_passwords(path, settings, reading.document, report=report)
    if complete:
        check_complete(settings, report)
    _refuse(reading.problems)
    return settings


def load_state(path: Path | None, env: Mapping[str, str], overrides: Mapping[str, str]) -> str:
    """The state folder alone, by which a gateway that runs is found.

    What else is wrong with the configuration by now is not that gateway's, and must not keep anybody from asking it.
    Raises ConfigError for what is wrong with this key or a flag, and for a file that cannot be read.
    """
    reading = _Reading(path, env, overrides)
    _refuse([problem for problem in reading.problems if problem.key == "state" or problem.where == FLAG])
    return reading.settings.state


class _Reading:
    """A configuration as it was read, unchecked, and what is wrong with it so far."""

    def __init__(self, path: Path | None, env: Mapping[str, str], overrides: Mapping[str, str]) -> None:
        self.path = path
        self.document = read_toml(path, "`aribridge init` writes a new one.") if path else Document({}, {})
        self.problems = assign_environment(self.document, env) + assign_overrides(self.document, overrides)
        self.settings = bind(self.document.tree, self.report)
        resolve_paths(self.settings, (path.parent if path else Path()).absolute())
        self.settings.state = self.settings.state or _state_folder(path, env)

    def report(self, key: KeyPath, text: str) -> None:
        """Note a fault, with its place."""
        dotted = ".".join(step for step in key if isinstance(step, str))
        where = self.document.where(key) or str(self.path or "no configuration file")
        self.problems.append(ConfigProblem(where, dotted, text))


def _refuse(problems: list[ConfigProblem]) -> None:
    if problems:
        raise ConfigError(sorted(problems, key=_place))


def _is_there(place: Path) -> bool:
    """Whether there is one, or it is not for this user to know: reading it says so."""
    try:
        return place.exists()
    except PermissionError:
        return True


def _check_inline_passwords(path: Path | None, settings: Settings, document: Document, *, report: Report) -> None:
    """A password in the file itself makes the file a secret."""
    if path is None or not path.stat().st_mode & stat.S_IROTH:
        return
    for index, asterisk in enumerate(settings.asterisk):
        key = ("asterisk", index, "password")
        if asterisk.password and document.where(key).startswith(f"{path}:") and not asterisk.password_file:
            report(key, f"everybody on this machine can read {path}: run `chmod 600 {path}`, or use password_file.")


def is_of_machine(path: Path) -> bool:
    """Whether a configuration is the machine's, not a user's own."""
    return path.absolute().is_relative_to(PLACES[-1].parent)


def _state_folder(path: Path | None, env: Mapping[str, str]) -> str:
    """The service's, so that commands find it; else where the XDG base directory specification puts it."""
    if path is not None and is_of_machine(path):
        return SERVICE_STATE
    home = env.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return str(Path(home, "aribridge"))


def _place(problem: ConfigProblem) -> tuple[int, str, str]:
    """In the order of the file's lines; after them what stands nowhere in it, variables and flags."""
    line = problem.where.rpartition(":")[2]
    return (int(line) if line.isdecimal() else 1 << 30, problem.where, problem.key)
