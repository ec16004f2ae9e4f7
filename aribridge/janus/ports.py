"""What the Janus door needs from the rest of the gateway, as narrow as it uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aribridge.core.principal import Principal
from aribridge.core.rates import Payers
from aribridge.transport.carrier import Carrier, Receiver


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What ``info`` tells about this gateway, to anyone who asks."""

    version: str
    server_name: str
    api_secret: bool = False
    auth_token: bool = True


class Auth(Protocol):
    """Who is behind the credentials of a request."""

    def janus(self, apisecret: str | None, token: str | None, plugin: str | None) -> Principal:
        """Raise Problem ``unauthorized``, or ``forbidden`` where the token does not name the plugin."""

    async def learn(self, token: object) -> None:
        """Wait, for some seconds at most, for the key of a token that is about to be fetched."""


class Charge(Protocol):
    """Who pays for a request, out of what it may ask for in a second."""

    def __call__(self, payers: Payers, cost: float) -> None:
        """Raise Problem ``too_many_requests``."""


class Channel(Carrier, Protocol):
    """A data channel."""

    @property
    def label(self) -> str:
        """What the side that opened it calls it."""

    @property
    def protocol(self) -> str:
        """The subprotocol that the side that opened it names; empty for none."""

    async def send_bytes(self, frame: bytes) -> None:
        """Send one binary message; return when there is room for more. Raises CarrierClosed."""


class PeerEvents(Protocol):
    """What a peer connection tells its maker; all calls are synchronous and quick."""

    @property
    def address(self) -> str:
        """The IP address that the signalling comes from; unfinished handshakes are bounded by it."""

    def connected(self) -> None:
        """ICE and DTLS are done."""

    def channel(self, channel: Channel) -> Receiver | None:
        """A data channel is open: return who receives what arrives on it, None to have it closed."""

    def closed(self, reason: str) -> None:
        """The connection is gone, told exactly once."""


class Peer(Protocol):
    """One peer connection."""

    @property
    def sdp(self) -> str:
        """Our local description, all candidates in it."""

    async def accept_answer(self, sdp: str) -> None:
        """Take the answer to our offer. Raises Problem ``bad_sdp``."""

    async def renegotiate(self, offer_sdp: str) -> str:
        """Answer a new offer on the live connection. Raises Problem ``bad_sdp``, ``ice_restart``."""

    async def add_candidate(self, candidate: Mapping[str, Any] | None) -> None:
        """Take a trickled candidate, None for their end. Raises Problem ``bad_sdp``."""

    def open_channel(self, label: str, protocol: str = "") -> Channel:
        """Open a channel from our side. Raises CarrierClosed, Problem ``too_many_requests``."""

    async def close(self, reason: str) -> None:
        """Release everything; idempotent."""


class Rtc(Protocol):
    """Makes peer connections."""

    async def answer(self, offer_sdp: str, events: PeerEvents) -> Peer:
        """Answer a client's offer. Raises Problem ``bad_sdp``, ``too_many_requests``."""

    async def offer(self, events: PeerEvents, *, label: str | None) -> Peer:
        """Offer a data channel; with a label, one of that name is opened from our side."""
