"""Which gateway this is, kept in the state folder from one run to the next."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import structlog

from aribridge.core.instance import NAMED, Instance

log = structlog.get_logger("aribridge.server")

FILE = "instance"
_PREFIX = re.compile(rf"{NAMED}[0-9a-f]{{8}}")


def load_instance(folder: Path) -> Instance:
    """Read who this gateway is, or decide it for good; where that cannot be kept, for this run alone, and log it."""
    path = folder / FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Instance(_read(path) or _write(path, Instance.fresh().prefix))
    except OSError as error:
        remedy = "state in aribridge.toml names the folder; what this run makes is not known as its own by the next one"
        log.warning("instance.not_kept", path=str(path), error=error.strerror or str(error), remedy=remedy)
        return Instance.fresh()


def _read(path: Path) -> str | None:
    """The prefix in the file; None where there is none, or none that could be ours."""
    try:
        text = path.read_text(errors="replace").strip()
    except FileNotFoundError:
        return None
    if _PREFIX.fullmatch(text):
        return text
    log.warning("instance.renamed", path=str(path), reason="it does not hold a gateway's name")
    return None


def _write(path: Path, prefix: str) -> str:
    """Write the file whole or not at all, to be read after a crash, too."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{FILE}-", delete=False) as file:
        file.write(f"{prefix}\n")
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    return prefix
