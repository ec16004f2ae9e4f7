"""What the gateway needs of this machine: open files, uvloop, its state folder."""

from __future__ import annotations

import os
import resource
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aribridge.cli.probes.finding import Finding
from aribridge.core.settings import Settings

BESIDES = 100
"""Files that the gateway has open besides connections: its log, databases, libraries."""


def look(settings: Settings, running: dict[str, Any] | None) -> list[Finding]:
    """Everything about this machine."""
    return [_open_files(settings, running), _uvloop(), _state(Path(settings.state)), *_audit(running)]


def _open_files(settings: Settings, running: dict[str, Any] | None) -> Finding:
    limit = running["open_files"]["limit"] if running else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    needed = settings.limits.connections + sum(asterisk.connections + 1 for asterisk in settings.asterisk) + BESIDES
    whose = "the gateway that runs" if running else "a program that is started here"
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return Finding("ok", "open files", f"{whose} may have {limit} open, {needed} are needed at most")
    text = f"{whose} may have {limit} open, limits.connections = {settings.limits.connections} may take {needed}"
    remedy = f"LimitNOFILE={needed} in the systemd unit, `ulimit -n {needed}` in a shell, or lower limits.connections."
    return Finding("warn", "open files", text, remedy)


def _uvloop() -> Finding:
    if find_spec("uvloop") is not None:
        return Finding("ok", "uvloop", "is installed")
    text = "is not installed: data channels carry about half of what they could"
    return Finding("warn", "uvloop", text, "pip install uvloop, into the gateway's virtual environment")


def _audit(running: dict[str, Any] | None) -> list[Finding]:
    """Whether the gateway that runs can write its audit log; nothing where there is none."""
    if running is None or running["audit"]["file"] is None:
        return []
    fault = running["audit"]["fault"]
    if fault is None:
        return [Finding("ok", "audit log", f"is written to {running['audit']['file']}")]
    return [Finding("fail", "audit log", f"is not written: {fault}", "Make room, or mend folder and rights.")]


def _state(folder: Path) -> Finding:
    """The folder itself, or where it is not made yet the one in which it will be."""
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        text = f"{folder} cannot be written by this user (uid {os.getuid()})"
        return Finding("fail", "state", text, f"chown it to the gateway's user, or run this as that user: {there}")
    if there != folder:
        return Finding("ok", "state", f"{folder} is made when the gateway starts")
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        text = f"{folder} has mode {mode:04o}: others of this machine may look in, and call data is there"
        return Finding("warn", "state", text, f"chmod 700 {folder}")
    return Finding("ok", "state", f"{folder} can be written, mode {mode:04o}")
