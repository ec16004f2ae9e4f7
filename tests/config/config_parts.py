"""Parts for the tests of configurations: a good one, and what is said about others."""

from __future__ import annotations

from pathlib import Path

import pytest

from aribridge.config import ConfigError, load

PASSWORD = "correct-horse-battery"

GOOD = """\
[[asterisk]]
url = "http://127.0.0.1:8088/ari"
password_file = "password"
[[auth.jwt]]
key_file = "jwt.key"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "aribridge.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def faults(folder: Path, text: str, env: dict | None = None, overrides: dict | None = None) -> list[str]:
    """What is said about a configuration, without the folder's name."""
    with pytest.raises(ConfigError) as error:
        load(write(folder, text), env or {}, overrides or {})
    assert PASSWORD not in str(error.value)
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]
