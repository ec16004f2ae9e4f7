"""Lines that are alike: the first of a minute is written, the others are counted."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

FOLD_SECONDS = 60.0
MOST = 10_000
"""Kinds of lines that are counted at once; what is over that is one kind."""


@dataclass(slots=True)
class _Fold:
    until: float
    count: int = 0
    last: dict[str, Any] | None = None


class Folds:
    """Times are seconds on any steady clock."""

    def __init__(self) -> None:
        self._folds: dict[Hashable, _Fold] = {}

    def __len__(self) -> int:
        return len(self._folds)

    def is_first(self, key: Hashable, fields: dict[str, Any], now: float) -> bool:
        """Whether a line is the first of its minute and to be written; else it is counted."""
        fold = self._folds.get(key) or self._folds.get(None if len(self._folds) >= MOST else key)
        if fold is None:
            self._folds[None if len(self._folds) >= MOST else key] = _Fold(now + FOLD_SECONDS)
            return True
        fold.count += 1
        fold.last = fields
        return False

    def due(self, now: float) -> Iterator[dict[str, Any]]:
        """The last of each kind whose minute is over, with how many there were besides the first."""
        for key in [key for key, fold in self._folds.items() if fold.until <= now]:
            fold = self._folds.pop(key)
            if fold.last is not None:
                yield {**fold.last, "count": fold.count}
