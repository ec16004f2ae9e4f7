"""The configuration: a file, variables of the environment and flags, to settings or to all that is wrong with them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from aribridge.config import ConfigError, load, write_example

LONGEST = 8192
SECONDS = 1.0  # the line of each key is looked for by parsing
_FOLDER = tempfile.TemporaryDirectory(prefix="aribridge-fuzz-")


def try_one(data: bytes) -> None:
    """The file, then after a line ``#!`` one variable or flag for each line."""
    text, _, more = data.partition(b"\n#!\n")
    path = Path(_FOLDER.name, "aribridge.toml")
    path.write_bytes(text)
    path.chmod(0o600)
    lines = [line.partition("=") for line in more.decode("utf-8", "replace").splitlines()]
    env = {name: value for name, _, value in lines if name.startswith("ARIBRIDGE_")}
    flags = {name: value for name, _, value in lines if not name.startswith("ARIBRIDGE_")}
    try:
        settings = load(path, env, flags)
    except ConfigError as error:
        assert error.problems
        assert all(problem.where and problem.text for problem in error.problems), error.problems
        return
    write_example(settings)
