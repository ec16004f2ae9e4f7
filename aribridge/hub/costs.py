"""What a request costs of its sender's rate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from aribridge.core.command import Command
from aribridge.core.filters import globs_size
from aribridge.core.rates import ORIGINATE, READ, WRITE
from aribridge.hub.targets import Targets
from aribridge.protocol.messages import Request
from aribridge.protocol.problems import Problem

GLOBS_PER_COST = 8
"""Characters of wildcards in a filter that cost as much as one read does."""

_ORIGINATES = frozenset({"channels.originate", "channels.originateWithId", "channels.create"})
_ORIGINATING_PATH = re.compile(r"/?channels(/[^/]+)?/?")


def cost_of(request: Request, targets: Targets) -> int:
    """Its cost, whether it can be carried out or not; what no Asterisk knows is cheap to refuse."""
    if request.op is None:
        return cost_of_path(request.method or "GET", request.path or "")
    if request.op in _ORIGINATES:
        return ORIGINATE
    with suppress(Problem):
        return READ if targets.pick(request.target).link.only_reads(Command("", request.op, {})) else WRITE
    return READ


def cost_of_filter(spec: Mapping[str, Sequence[str]]) -> int:
    """What the filter of a subscription costs beyond the subscription itself."""
    return globs_size(spec) // GLOBS_PER_COST


def cost_of_path(method: str, path: str) -> int:
    """The cost of a request by method and path."""
    if method.upper() == "GET":
        return READ
    originates = method.upper() == "POST" and _ORIGINATING_PATH.fullmatch(path)
    return ORIGINATE if originates else WRITE
