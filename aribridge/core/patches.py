"""Differences between JSON objects as merge patches (RFC 7396)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Inexpressible(Exception):
    """A merge patch cannot say it: null stands for removal there, so no member can become null."""


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that turns ``before`` into ``after``. Raises Inexpressible."""
    patch: dict[str, Any] = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        if key not in before or before[key] != value:
            patch[key] = _member(before.get(key), value)
    return patch


def _member(before: Any, after: Any) -> Any:
    if isinstance(after, dict):
        return diff(before if isinstance(before, dict) else {}, after)
    if after is None:
        raise Inexpressible
    return after
