"""All WebRTC peers of the process, and the sockets and the certificate that they share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiortc import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

from aribridge.core.settings import WebRtcSettings
from aribridge.protocol.problems import Problem
from aribridge.transport.webrtc import sdp
from aribridge.transport.webrtc.addresses import bind_addresses, public_addresses, udp_ports
from aribridge.transport.webrtc.dtls import Identity
from aribridge.transport.webrtc.handshakes import Handshakes
from aribridge.transport.webrtc.ice import IceAgent
from aribridge.transport.webrtc.leftovers import Leftovers
from aribridge.transport.webrtc.peer import Peer, PeerEvents
from aribridge.transport.webrtc.ports import PortRange, SharedPort, UdpPorts
from aribridge.transport.webrtc.udp import UdpPort
from aribridge.transport.webrtc.versions import check_versions, fast_path_unfit

log = structlog.get_logger("aribridge.transport")


class RtcEngine:
    """Makes peer connections and owns them.

    ``frame`` is the largest message in bytes that a client may send; ``default_address`` is host and port of
    ``server.listen``, which apply where ``settings`` names no addresses or ports of its own.
    """

    def __init__(self, settings: WebRtcSettings, *, frame: int, default_address: tuple[str, int]) -> None:
        self._settings = settings
        self._frame = frame
        self._default_host, self._default_port = default_address
        self._peers: dict[str, Peer] = {}
        self._sockets: dict[str, Sequence[UdpPort]] = {}
        self._ports: UdpPorts = SharedPort([], 0)
        self._public: list[str] = []
        self._servers: dict[str, Any] = {}
        self._identity: Identity
        self._fast = settings.fast_path
        self._leftovers = Leftovers()
        self._handshakes = Handshakes(settings)
        self._turns = asyncio.Lock()
        # Binding ports waits: whoever came meanwhile would find the bounds as they were.
        self._admission = asyncio.Lock()

    @property
    def peers(self) -> int:
        """How many peers there are, those that still connect included."""
        return len(self._peers)

    @property
    def addresses(self) -> list[str]:
        """The UDP addresses in use, for people: "192.0.2.1:8188", and "203.0.113.1 (public)" if announced."""
        return [*self._ports.describe(), *(f"{address} (public)" for address in self._public)]

    async def start(self) -> None:
        """Check the settings and bind the UDP sockets.

        Raises OSError if a port can't be had (the text names it and the setting to change), ValueError for a setting
        that makes no sense, RuntimeError if aiortc or aioice is not a tested version.
        """
        check_versions()
        if self._fast and (reason := fast_path_unfit()):
            self._fast = False
            log.warning("webrtc.fast_path_off", reason=reason, hint="data channels work, but cost more")
        ports = udp_ports(self._settings.udp, self._default_port)
        hosts = await bind_addresses(self._settings.bind, self._default_host)
        self._public = public_addresses(self._settings.public)
        self._servers = _server_arguments(self._settings.ice_servers)
        self._identity = Identity.generateCertificate()
        self._ports = SharedPort(hosts, ports[0]) if len(ports) == 1 else PortRange(hosts, ports)
        await self._ports.open()
        log.info("webrtc.listening", addresses=self.addresses)

    async def stop(self) -> None:
        """Close all peers, telling each other side, and release the sockets."""
        await asyncio.gather(*(peer.close("Gateway stopped") for peer in list(self._peers.values())))
        self._leftovers.stop()
        await self._ports.close()

    async def answer(self, offer_sdp: str, events: PeerEvents) -> Peer:
        """Make a peer that answers a client's offer; the answer is its ``sdp``.

        Raises Problem ``bad_sdp`` if the offer is unusable, ``too_many_requests`` if there are ``settings.peers`` now.
        """
        async with self._turns:
            # One to a turn of the event loop: a hundred in one would keep everybody waiting for a second.
            await asyncio.sleep(0)
            offer = sdp.parse(offer_sdp)
        return await self._make(events, offer, controlling=offer.lite)

    async def offer(self, events: PeerEvents, *, label: str | None) -> Peer:
        """Make a peer that offers data channels; the offer is its ``sdp``, the answer goes to ``accept_answer``.

        With a label, our side opens a channel of that name. Raises Problem ``too_many_requests``.
        """
        peer = await self._make(events, None, controlling=True)
        if label is not None:
            try:
                peer.open_channel(label)
            except BaseException:
                await peer.close("Close PC")
                raise
        return peer

    async def _make(self, events: PeerEvents, offer: sdp.Remote | None, *, controlling: bool) -> Peer:
        async with self._admission:
            peer = await self._admit(events, controlling=controlling)
        try:
            await peer.start(offer)
        except BaseException:
            await peer.release()
            raise
        return peer

    async def _admit(self, events: PeerEvents, *, controlling: bool) -> Peer:
        if self.peers >= self._settings.peers:
            raise Problem("too_many_requests", f"The gateway has its {self._settings.peers} peers (webrtc.peers).")
        self._handshakes.check(events.address)
        sockets = await self._ports.take()
        self._identity = self._identity.current()
        peer = self._assemble(events, sockets, controlling=controlling)
        self._peers[peer.id] = peer
        self._handshakes.add(peer, events.address)
        self._sockets[peer.id] = sockets
        return peer

    def _assemble(self, events: PeerEvents, sockets: Sequence[UdpPort], *, controlling: bool) -> Peer:
        ice = IceAgent(
            sockets,
            controlling=controlling,
            public=self._public,
            servers=self._servers,
            consent_seconds=self._settings.consent_seconds,
        )
        return Peer(
            ice=ice,
            identity=self._identity,
            settings=self._settings,
            frame=self._frame,
            fast=self._fast,
            events=events,
            release=self._forget,
        )

    async def _forget(self, peer: Peer) -> None:
        try:
            await self._ports.give(self._sockets.pop(peer.id, ()))
        finally:
            self._peers.pop(peer.id, None)
            self._leftovers.add(self.peers)


def _server_arguments(ice_servers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """``webrtc.ice_servers`` as aioice takes them: the first STUN and the first TURN server. Raises ValueError."""
    try:
        servers = [
            RTCIceServer(urls=entry["urls"], username=entry.get("username"), credential=entry.get("credential"))
            for entry in ice_servers
        ]
        return connection_kwargs(servers)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise ValueError(
            f"webrtc.ice_servers has an entry that is not usable ({exc}); one looks like "
            '{urls = ["turn:turn.example.org:3478"], username = "…", credential = "…"}.'
        ) from None
