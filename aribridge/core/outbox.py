"""What waits to be sent to one client: bounded by messages and by bytes."""

from __future__ import annotations

_ROOMY_MESSAGES = 1000
_ROOMY_BYTES = 262_144
"""What may wait before a client counts as behind: what streams tell it is then read from their histories instead."""


class Outbox:
    """A queue of frames in the order of sending."""

    def __init__(self, most_messages: int, most_bytes: int) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._frames: list[str] = []
        self.bytes = 0
        """Characters waiting: JSON text is nearly all ASCII, so they stand for bytes without encoding twice."""

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def roomy(self) -> bool:
        """Whether so little waits that there is room for what can wait elsewhere."""
        return len(self._frames) < _ROOMY_MESSAGES and self.bytes < _ROOMY_BYTES

    def takes(self, messages: int, size: int) -> bool:
        """Whether there is room for so many messages of this size together, in characters."""
        return len(self._frames) + messages <= self._most_messages and self.bytes + size <= self._most_bytes

    def put(self, frame: str) -> bool:
        """Add a frame; False when there is no room, and nothing was added."""
        if not self.takes(1, len(frame)):
            return False
        self._frames.append(frame)
        self.bytes += len(frame)
        return True

    def take(self, most: int) -> list[str]:
        """Remove and return the first frames, ``most`` of them at most."""
        frames, self._frames = self._frames[:most], self._frames[most:]
        self.bytes -= sum(map(len, frames))
        return frames

    def clear(self) -> None:
        """Drop everything."""
        self._frames.clear()
        self.bytes = 0
