"""How a script fares, for operators."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aribridge.script.failures import FailureLog
from aribridge.script.runtime import Runtime
from aribridge.script.tally import Tally


def report(path: Path, hooks: Iterable[str], tally: Tally, failures: FailureLog, runtime: Runtime) -> dict[str, Any]:
    """The file, the hooks it defines, how their runs went since it was loaded, its last errors.

    ``memory`` is what its interpreter holds, in bytes, what nothing refers to any more included.
    """
    runs = tally.to_report()
    return {
        "script": path.name,
        "file": str(path),
        "hooks": sorted(hooks),
        "runs": runs,
        "failures": sum(hook["failures"] for hook in runs.values()),
        "memory": runtime.memory_used,
        "errors": failures.last(),
    }
