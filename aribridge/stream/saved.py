"""A stream as it is written down at a planned stop, so that the gateway's next run can go on with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aribridge.core.history import Entry


class Saved(msgspec.Struct, frozen=True):
    """The position, the newest entries with their ages in seconds, and the call state: values by kind and id.

    ``gone`` are kinds and ids of objects that are known to be no more.
    """

    epoch: str
    head: int
    entries: Sequence[tuple[float, Entry]]
    values: Mapping[str, Mapping[str, Mapping[str, Any]]]
    gone: Sequence[tuple[str, str]]

    def aged(self, seconds: float) -> Saved:
        """The same after some time."""
        return msgspec.structs.replace(self, entries=[(age + seconds, entry) for age, entry in self.entries])
