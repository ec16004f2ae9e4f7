"""What carries frames between a client and the gateway: the one shape that WebSockets and data channels share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol


class CarrierClosed(Exception):
    """The carrier is gone; nothing more can be sent on it."""


class Receiver(Protocol):
    """Who takes what arrives on a carrier. Both calls are synchronous, quick, and must not raise."""

    def received(self, frame: str | bytes) -> bool:
        """One whole message, in the order of its sending; str for text, bytes for binary.

        False: the client asks for more than it may. A carrier that can (a data channel cannot) has it wait a moment.
        """

    def closed(self, reason: str) -> None:
        """The carrier is gone, told exactly once; nothing is received after it."""


class Carrier(Protocol):
    """A message-oriented, ordered connection to one client."""

    @property
    def kind(self) -> Literal["websocket", "datachannel"]:
        """What it is."""

    @property
    def peer(self) -> str:
        """Where the client is, for logs: an address, or the label of a channel and its peer."""

    @property
    def ordered(self) -> bool:
        """Whether messages arrive in the order of their sending; a data channel may do without."""

    @property
    def reliable(self) -> bool:
        """Whether every message arrives; a data channel may give up on some."""

    @property
    def max_send(self) -> int:
        """Largest message in bytes that the other side takes (and we send): at most 65536."""

    def send_now(self, frames: Sequence[str]) -> int:
        """Send the first of these text messages, as many as there is room for at once, and say how many those were.

        The rest is for ``send``, which waits for room. Raises CarrierClosed.
        """

    async def send(self, frame: str) -> None:
        """Send one text message; return when the carrier has room for more. Raises CarrierClosed."""

    async def close(self, code: int, reason: str) -> None:
        """Close after what was sent; idempotent. ``code`` is a WebSocket close code (data channels have none)."""
