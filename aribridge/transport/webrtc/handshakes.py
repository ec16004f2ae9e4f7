"""Peers that have yet to connect: each costs memory and certificates' work before it has proven anything."""

from __future__ import annotations

from collections import Counter
from weakref import WeakKeyDictionary

from aribridge.core.neighbours import neighbourhood
from aribridge.core.settings import WebRtcSettings
from aribridge.protocol.problems import Problem
from aribridge.transport.webrtc.peer import Peer

_AFTER_MS = 1000


class Handshakes:
    """Bounds them, in all and from each address."""

    def __init__(self, settings: WebRtcSettings) -> None:
        self._most = settings.handshakes
        self._most_of_address = settings.address_handshakes
        self._peers: WeakKeyDictionary[Peer, str] = WeakKeyDictionary()

    def check(self, address: str) -> None:
        """Raise Problem ``too_many_requests`` where an address, or all of them, has as many as it may."""
        for peer in [peer for peer in self._peers if not peer.is_connecting]:
            del self._peers[peer]
        if len(self._peers) >= self._most:
            raise _too_many(f"{self._most} peers are connecting, the limit (webrtc.handshakes).")
        if Counter(self._peers.values())[neighbourhood(address)] >= self._most_of_address:
            text = f"{self._most_of_address} peers of your address are connecting, the limit"
            raise _too_many(f"{text} (webrtc.address_handshakes).")

    def add(self, peer: Peer, address: str) -> None:
        """Count a peer until it is connected, or gone."""
        self._peers[peer] = neighbourhood(address)


def _too_many(detail: str) -> Problem:
    return Problem("too_many_requests", detail, after_ms=_AFTER_MS)
