"""Where an Asterisk program and what it needs lie on this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

VERSION_DEADLINE = 10.0


class InstallError(Exception):
    """No private Asterisk can be had here; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An Asterisk that can be started: nothing in it is ever written to.

    `command` is the argv prefix that runs it, `modules` the folder of its `*.so`, `data` its `astdatadir`
    (sounds, documentation, the ARI description), `version` as `(22, 10, 1)`.
    """

    release: str
    command: tuple[str, ...]
    modules: Path
    data: Path
    version: tuple[int, ...]

    @property
    def version_text(self) -> str:
        """The version as Asterisk writes it, such as `22.10.1`."""
        return ".".join(map(str, self.version))


def find_system() -> Installation | None:
    """The machine's own `asterisk` binary on PATH, to start an instance of our own from; or None."""
    binary = shutil.which("asterisk")
    if binary is None:
        return None
    prefix = Path(binary).parent.parent
    modules = next(
        iter(sorted(prefix.glob("lib*/asterisk/modules")) + sorted(prefix.glob("lib/*/asterisk/modules"))), None
    )
    data = next((d for d in (prefix / "share/asterisk", Path("/var/lib/asterisk")) if (d / "rest-api").is_dir()), None)
    if modules is None or data is None:
        return None
    return Installation("system", (binary,), modules, data, read_version((binary,)))


def read_version(command: tuple[str, ...]) -> tuple[int, ...]:
    """Ask the program for its version (`asterisk -V`, which contacts no running Asterisk)."""
    try:
        ran = subprocess.run(  # noqa: S603 (the command is ours)
            [*command, "-V"], capture_output=True, text=True, timeout=VERSION_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command[-1]} does not run: {error}") from error
    found = re.search(r"Asterisk (?:certified/)?(\d+(?:\.\d+)*)", ran.stdout)
    if found is None:
        raise InstallError(f"{command[-1]} -V printed no version: {(ran.stdout + ran.stderr).strip()[:500]!r}")
    return tuple(int(part) for part in found[1].split("."))
