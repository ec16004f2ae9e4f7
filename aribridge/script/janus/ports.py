"""What scripts of Janus act upon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class World(Protocol):
    """The sessions of a script, by the numbers that it knows them by. No call waits; unknown numbers are no error."""

    def push(self, session: int, transaction: str | None, event: str, jsep: str | None) -> None:
        """``pushEvent``: JSON texts of objects; the jsep has ``type`` and ``sdp``."""

    def relay(self, sessions: Sequence[int], data: str | bytes, label: str, protocol: str) -> None:
        """``relayTextData`` (str) and ``relayBinaryData`` (bytes); an empty label is the default one."""

    def close_pc(self, session: int) -> None:
        """``closePc``."""

    def end_session(self, session: int) -> None:
        """``endSession``."""
