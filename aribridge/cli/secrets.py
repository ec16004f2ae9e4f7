"""Files that hold a secret: written once, for their owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_secret(path: Path) -> str:
    """Write a new random secret, or raise FileExistsError; nobody else can read it from its first moment on."""
    secret = secrets.token_urlsafe(48)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{secret}\n")
    return secret
