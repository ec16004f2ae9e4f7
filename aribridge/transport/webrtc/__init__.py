"""The WebRTC carrier: peer connections whose data channels carry frames.

Layers, top down: ``engine`` owns all peers, ``peer`` is one of them, ``channel`` one of its data channels; ``sdp``
reads and writes descriptions; ``sctp``, ``dtls``, ``ice`` and ``udp`` adapt aiortc and aioice, one network layer each.
"""

from aribridge.transport.webrtc.channel import DataChannel
from aribridge.transport.webrtc.engine import RtcEngine
from aribridge.transport.webrtc.peer import Peer, PeerEvents

__all__ = ["DataChannel", "Peer", "PeerEvents", "RtcEngine"]
