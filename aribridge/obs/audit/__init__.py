"""The audit log: who did what to what, by which rule it was decided, what came of it.

An output of the process beside log and metrics, with a file of its own, so that losing it is visible. Until ``start``
and after ``stop`` what is noted goes nowhere.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

from aribridge.core.principal import Principal
from aribridge.core.settings import AuditSettings
from aribridge.obs.audit.file import AuditFile
from aribridge.obs.audit.trail import Entry, Trail
from aribridge.protocol.problems import Problem

FOLDER, FILE = "audit", "audit.jsonl"
"""Where it is below the state folder, unless ``audit.file`` says otherwise."""

Kind = Literal["gateway", "login", "command", "access", "refusal", "operator"]
Effect = Literal["allow", "deny"]

_MEGABYTE = 1 << 20


_script: ContextVar[str | None] = ContextVar("aribridge_audit_script", default=None)


class _Output:
    trail: Trail | None = None
    reads = False


def start(settings: AuditSettings, state: Path) -> None:
    """Write from now on, where the settings want it; what keeps it from that is logged and counted."""
    if settings.enabled:
        path = Path(settings.file) if settings.file else state / FOLDER / FILE
        file = AuditFile(path, settings.file_mb * _MEGABYTE, settings.total_mb * _MEGABYTE, settings.days)
        _Output.trail, _Output.reads = Trail(file), settings.reads
        _Output.trail.start()


def stop() -> None:
    """Write what is left, in a few seconds at most, and end. Waits: not for the event loop."""
    trail, _Output.trail = _Output.trail, None
    if trail is not None:
        trail.stop()


def wants(*, read: bool) -> bool:
    """Whether what is allowed is written: whatever changes something, and reads where the settings say so."""
    return _Output.trail is not None and (_Output.reads or not read)


def note(kind: Kind, effect: Effect, *, fold: Hashable = None, **fields: Any) -> None:
    """Add a line; returns at once and never raises. Fields that are None or empty are left out.

    Lines with the same ``fold`` are one a minute, with their ``count``: strangers must not fill the disk.
    """
    if _Output.trail is not None:
        _Output.trail.add(Entry({"kind": kind, "effect": effect, **fields}, fold))


def logged_in(principal: Principal, carrier: str, address: str, connection: str) -> None:
    """Somebody was let in, with a connection or a session."""
    known = {"sub": principal.sub, "tenant": principal.tenant, "roles": principal.roles}
    note("login", "allow", **known, connection=connection, carrier=carrier, address=address)


def turned_away(problem: Problem, carrier: str, address: str) -> None:
    """Credentials were refused."""
    note("login", "deny", fold=("login", carrier, address), carrier=carrier, address=address, reason=problem.detail)


def report() -> dict[str, str | None]:
    """``file``, None where nothing is to be written, and ``fault``: why nothing can be, None where all is well."""
    trail = _Output.trail
    return {"file": None, "fault": None} if trail is None else {"file": str(trail.file.path), "fault": trail.fault}


@contextmanager
def by_script(name: str) -> Iterator[None]:
    """What is done in here is done by a script."""
    before = _script.set(name)
    try:
        yield
    finally:
        _script.reset(before)


def script_at_work() -> str | None:
    """The script that does what is done; None where it is none."""
    return _script.get()
