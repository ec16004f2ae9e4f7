"""One peer connection: ICE, DTLS, SCTP and the data channels on it, from the first description to the last packet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from secrets import token_hex
from types import MappingProxyType
from typing import Any, Protocol

import structlog
from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters

from aribridge.core.settings import WebRtcSettings
from aribridge.obs import metrics
from aribridge.protocol.problems import Problem
from aribridge.transport.carrier import CarrierClosed, Receiver
from aribridge.transport.webrtc import sdp
from aribridge.transport.webrtc.channel import DataChannel
from aribridge.transport.webrtc.dtls import DataDtls, FastDataDtls, Identity
from aribridge.transport.webrtc.ice import IceAgent
from aribridge.transport.webrtc.sctp import Association, FastAssociation

log = structlog.get_logger("aribridge.transport")

RELEASE_SECONDS = 5.0
CHANNEL_SECONDS = 0.1
"""Between two channels that a peer opens in the long run; at once it may open twice as many as it may have."""
_SETUP_OF_ROLE = {"client": "active", "server": "passive"}


class PeerEvents(Protocol):
    """Who is told about a peer. All calls are synchronous, quick, and must not raise."""

    @property
    def address(self) -> str:
        """The IP address that the signalling comes from; unfinished handshakes are bounded by it."""

    def connected(self) -> None:
        """ICE and DTLS are done."""

    def channel(self, channel: DataChannel) -> Receiver | None:
        """A channel is open, the other side's or one of ours: return who receives, or None to have it closed."""

    def closed(self, reason: str) -> None:
        """The peer is gone, told exactly once.

        The reason is in Janus's words where it has some:
        "Close PC" or "DTLS alert" (the other side left), "ICE failed" (not reachable, or silent for too long), "DTLS
        timeout", "DTLS error", "No answer" (to our offer), "No data channel" (connected, none opened in time), "SCTP
        error", "Message too large", "Too many channels" (it broke a rule); else what was given to ``Peer.close``.
        """


class Peer:
    """A peer connection. Made by ``RtcEngine.answer`` and ``RtcEngine.offer``."""

    def __init__(
        self,
        *,
        ice: IceAgent,
        identity: Identity,
        settings: WebRtcSettings,
        frame: int,
        fast: bool,
        events: PeerEvents,
        release: Callable[[Peer], Any],
    ) -> None:
        self.id = token_hex(8)
        self.sdp = ""
        """Our description, complete with all candidates."""
        self._ice = ice
        self._identity = identity
        dtls_kind, sctp_kind = (FastDataDtls, FastAssociation) if fast else (DataDtls, Association)
        self._dtls = dtls_kind(ice, identity)
        self._dtls.on("statechange", self._dtls_changed)
        self._sctp = sctp_kind(
            self._dtls, frame=frame, channels=settings.channels, on_channel=self._adopt, on_lost=self._end
        )
        ice.lost.add_done_callback(lambda _: self._end("ICE failed"))
        self._settings = settings
        self._frame = frame
        self._events = events
        self._release_sockets = release
        self._role = "auto"
        self._version = 1
        self._remote: asyncio.Future[sdp.Remote] = asyncio.get_running_loop().create_future()
        self._channels: dict[int, DataChannel] = {}
        self._opens_until = 0.0
        self._usable = asyncio.Event()
        self._stage = "No answer"
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._life: asyncio.Task[None] | None = None

    @property
    def channels(self) -> Mapping[int, DataChannel]:
        """The channels that are in use, by stream id."""
        return MappingProxyType(self._channels)

    @property
    def is_connecting(self) -> bool:
        """Whether it is still on the way to its first data channel."""
        return not (self._usable.is_set() or self._ended.done())

    # descriptions

    async def start(self, offer: sdp.Remote | None) -> None:
        """Gather candidates, describe ourselves in ``sdp`` and begin to connect; without an offer, make one."""
        await self._ice.gather_candidates()
        if offer is None:
            self.sdp = sdp.write_offer(self._local("actpass"), session=str(int(self.id, 16) >> 1), version=1)
        else:
            self._role = "server" if offer.setup == "active" else "client"
            await self._accept(offer)
            self.sdp = self._answer(offer)
        self._life = asyncio.create_task(self._live(), name=f"webrtc-peer-{self.id}")

    async def accept_answer(self, answer_sdp: str) -> None:
        """Take the answer to our offer. Raises Problem ``bad_sdp``."""
        if self._remote.done():
            raise Problem("bad_sdp", "This peer connection has its answer already.")
        answer = sdp.parse(answer_sdp)
        if answer.setup == "actpass":
            raise Problem("bad_sdp", "An answer has to choose: a=setup:active or a=setup:passive.")
        self._role = "server" if answer.setup == "active" else "client"
        await self._accept(answer)

    async def renegotiate(self, offer_sdp: str) -> str:
        """Answer a new offer on the live peer; its transport stays.

        Raises Problem ``bad_sdp``, or ``ice_restart`` if the offer starts a new transport.
        """
        offer = sdp.parse(offer_sdp)
        if not self._remote.done():
            raise Problem("bad_sdp", "This peer connection waits for the answer to its own offer.")
        now = self._remote.result()
        if (offer.ufrag, offer.password) != (now.ufrag, now.password):
            raise Problem("ice_restart", "The offer has new ICE credentials; open a new peer connection instead.")
        await self._add_candidates(offer)
        self._version += 1
        self.sdp = self._answer(offer)
        return self.sdp

    async def add_candidate(self, candidate: Mapping[str, Any] | None) -> None:
        """Take a trickled candidate, as browsers and Janus clients write them. Raises Problem ``bad_sdp``.

        None, an empty ``candidate`` and ``{"completed": true}`` mean that there are no more, which needs no action.
        Candidates for another transport than the data channels' are left out.
        """
        if candidate is None or candidate.get("completed") is True:
            return
        line = candidate.get("candidate")
        if not isinstance(line, str):
            raise Problem("bad_sdp", "A candidate is an object with a string named candidate.")
        if line and self._meant(candidate):
            await self._ice.add_candidate_line(line)

    # channels and end

    def open_channel(self, label: str, protocol: str = "") -> DataChannel:
        """Open a channel from our side; ``PeerEvents.channel`` tells when it is open. Labels are ASCII.

        Raises CarrierClosed if the peer is gone, Problem ``too_many_requests`` if it has too many channels.
        """
        if self._ended.done():
            raise CarrierClosed(f"Peer {self.id} is closed: {self._ended.result()}")
        if self._sctp.channels >= self._settings.channels:
            raise Problem("too_many_requests", f"webrtc.channels allows {self._settings.channels} channels.")
        label.encode("ascii")  # aiortc counts characters where the opening message needs bytes
        inner = RTCDataChannel(self._sctp, RTCDataChannelParameters(label=label, protocol=protocol))
        channel = self._wrap(inner)
        inner.on("open", lambda: self._present(channel, inner))
        return channel

    async def close(self, reason: str) -> None:
        """Close the peer, tell the other side, release everything; idempotent."""
        self._end(reason)
        if self._life is not None:
            await asyncio.wait({self._life})

    # the peer's life

    async def _live(self) -> None:
        """Connect within the deadline, stay until ``_end``, leave. The one task of a peer."""
        began = time.monotonic()
        connecting = asyncio.create_task(self._connect())
        first: set[asyncio.Future[Any]] = {connecting, self._ended}
        try:
            await asyncio.wait(first, timeout=self._settings.connect_seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._usable.is_set():
                metrics.webrtc_setup_seconds.observe(time.monotonic() - began)
            else:
                self._end(self._stage)
            result = "connected" if self._usable.is_set() else self._stage
            metrics.webrtc_setups_total.labels(result.lower().replace(" ", "_")).inc()
            reason = await self._ended
        finally:
            connecting.cancel()
            [outcome] = await asyncio.gather(connecting, return_exceptions=True)
        if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
            log.error("peer.connect_failed", peer=self.id, exc_info=outcome)
        await self._leave(reason)

    async def _connect(self) -> None:
        remote = await self._remote
        self._stage = "ICE failed"
        await self._ice.connect()
        self._stage = "DTLS timeout"
        if not await self._dtls.handshake(self._role, remote.fingerprints):
            self._stage = "DTLS error"
            raise ConnectionError(self._stage)
        self._tell(self._events.connected)
        self._stage = "No data channel"
        await self._sctp.establish(remote.sctp_port, remote.max_message_size)
        await self._usable.wait()

    def _end(self, reason: str) -> None:
        """End the peer's life, from any callback; the first reason counts."""
        if self._ended.done():
            return
        self._ended.set_result(reason)
        for channel in list(self._channels.values()):
            channel.lose(reason)

    async def _leave(self, reason: str) -> None:
        self._tell(self._events.closed, reason)
        log.debug("peer.closed", peer=self.id, reason=reason)
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self.release()
        except TimeoutError:
            log.warning("peer.release_timeout", peer=self.id)
        except Exception:
            log.exception("peer.release_failed", peer=self.id)

    async def release(self) -> None:
        """Give everything back, from the top of the stack down; a step that fails does not spare the others."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._release_sockets, self)
            stack.push_async_callback(self._ice.close)
            stack.push_async_callback(self._dtls.stop)
            stack.push_async_callback(self._sctp.stop)
        self._dtls.remove_all_listeners()
        self._channels.clear()

    def _dtls_changed(self) -> None:
        if self._dtls.state == "closed":
            self._end("DTLS alert")

    # descriptions, inside

    async def _accept(self, remote: sdp.Remote) -> None:
        self._ice.remote_username = remote.ufrag
        self._ice.remote_password = remote.password
        self._ice.remote_is_lite = remote.lite
        self._ice.ice_controlling = self._ice.ice_controlling or remote.lite
        await self._add_candidates(remote)
        self._remote.set_result(remote)

    async def _add_candidates(self, remote: sdp.Remote) -> None:
        for line in remote.candidates:
            await self._ice.add_candidate_line(line)

    def _meant(self, candidate: Mapping[str, Any]) -> bool:
        """Whether a trickled candidate is for our transport: the section that BUNDLE chose, or none named."""
        if not self._remote.done() or candidate.get("sdpMid") is None:
            return True
        return str(candidate["sdpMid"]) == self._remote.result().tagged.mid

    def _answer(self, offer: sdp.Remote) -> str:
        local = self._local(_SETUP_OF_ROLE[self._role])
        return sdp.write_answer(offer, local, session=str(int(self.id, 16) >> 1), version=self._version)

    def _local(self, setup: str) -> sdp.Local:
        return sdp.Local(
            ufrag=self._ice.local_username,
            password=self._ice.local_password,
            fingerprint=self._identity.fingerprint,
            setup=setup,
            candidates=tuple(candidate.to_sdp() for candidate in self._ice.local_candidates),
            max_message_size=self._frame,
        )

    # channels, inside

    def _wrap(self, inner: RTCDataChannel) -> DataChannel:
        remote_max = self._remote.result().max_message_size if self._remote.done() else sdp.DEFAULT_MAX_MESSAGE_SIZE
        return DataChannel(inner, peer=self.id, remote_max=remote_max, flush=self._sctp.send_now)

    def _adopt(self, inner: RTCDataChannel) -> None:
        """A channel that the other side opened."""
        if self._opens_too_fast():
            self._end("Too many channels")
        elif self._sctp.channels > self._settings.channels:
            log.info("channel.refused", peer=self.id, limit=self._settings.channels, hint="webrtc.channels")
            inner.close()
        else:
            self._present(self._wrap(inner), inner)

    def _opens_too_fast(self) -> bool:
        """Whether channels come faster than anybody could use them: one costs as much as dozens of messages."""
        now = time.monotonic()
        self._opens_until = max(now, self._opens_until) + CHANNEL_SECONDS
        return self._opens_until > now + 2 * self._settings.channels * CHANNEL_SECONDS

    def _present(self, channel: DataChannel, inner: RTCDataChannel) -> None:
        receiver = None if self._ended.done() else self._tell(self._events.channel, channel)
        if receiver is None:
            inner.close()
            return
        channel.attach(receiver)
        assert inner.id is not None
        self._channels[inner.id] = channel
        inner.on("close", lambda: self._channels.pop(inner.id or 0, None))
        self._usable.set()

    def _tell(self, notify: Callable[..., Any], *args: object) -> Any:
        """Call whoever made the peer; what goes wrong there must not end the connection."""
        try:
            return notify(*args)
        except Exception:
            log.exception("peer.handler_failed", peer=self.id)
            return None
