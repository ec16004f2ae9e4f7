"""Files of conf/ that come with the gateway."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped(name: str) -> Path:
    """A file or folder of conf/: in the wheel, else in the checkout."""
    package = Path(str(files("aribridge")))
    packaged = package / "_data" / "conf"
    return (packaged if packaged.is_dir() else package.parent / "conf") / name
