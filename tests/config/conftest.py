"""The folder of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_parts import PASSWORD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a password and a key, as `aribridge init` leaves them."""
    for name, content in (("password", PASSWORD + "\n"), ("jwt.key", "k" * 40)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    return tmp_path
