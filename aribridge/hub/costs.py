"""What a request costs of its sender's rate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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
    try:
        catalogue = targets.pick(request.target).link.catalogue
    except Problem:
        return READ
    # Not by `get`: who has no rate left is refused for next to nothing, without the hint that an unknown one gets.
    operation = catalogue.find(request.op) if catalogue else None
    return WRITE if operation and operation.method != "GET" else READ


def cost_of_filter(spec: Mapping[str, Sequence[str]]) -> int:
    """What the filter of a subscription costs beyond the subscription itself."""
    return globs_size(spec) // GLOBS_PER_COST


def cost_of_path(method: str, path: str) -> int:
    """The cost of a request by method and path."""
    if method.upper() == "GET":
        return READ
    originates = method.upper() == "POST" and _ORIGINATING_PATH.fullmatch(path)
    return ORIGINATE if originates else WRITE
