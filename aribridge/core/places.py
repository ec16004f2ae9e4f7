"""Who holds how many of something that each may only have so many of."""

from __future__ import annotations

from collections.abc import Hashable


class Places:
    """Counts by holder; a holder of none is not remembered."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self, holder: Hashable) -> bool:
        """Take a place for a holder; False where it has its share already."""
        held = self._held.get(holder, 0)
        if held >= self.most:
            return False
        self._held[holder] = held + 1
        return True

    def give(self, holder: Hashable) -> None:
        """Give a place back."""
        held = self._held[holder] - 1
        if held:
            self._held[holder] = held
        else:
            del self._held[holder]
