"""What the gateway serves to browsers: the client aribridge.js and the console."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent


def client_files() -> Mapping[str, Path]:
    """The client for other people's pages: URL path to file. Served to any origin."""
    modules = [ROOT / "aribridge.js", *sorted((ROOT / "client").glob("*.js"))]
    return {f"/{path.relative_to(ROOT).as_posix()}": path for path in modules}


def console_files() -> Mapping[str, Path]:
    """The console: URL path to file."""
    files = {f"/console/{path.name}": path for path in sorted((ROOT / "console").iterdir()) if path.is_file()}
    return {"/": ROOT / "console" / "index.html", **files}
