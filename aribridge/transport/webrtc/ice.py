"""One peer's ICE agent: aioice's, on shared sockets, with bounds and a death notice.

It never passes end-of-candidates on to aioice. A browser hides its addresses behind mDNS names, which are not resolved
here, and is found by its own checks instead; told that no more candidates will come, aioice would give up before they
arrive. The peer's deadline ends what never connects.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import Any

import structlog
from aioice import Candidate, Connection, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, StunProtocol, server_reflexive_candidate

from aribridge.protocol.problems import Problem
from aribridge.transport.webrtc.consent import Consent
from aribridge.transport.webrtc.sdp import MAX_CANDIDATES
from aribridge.transport.webrtc.segments import cut
from aribridge.transport.webrtc.udp import Address, PeerStun, UdpPort

log = structlog.get_logger("aribridge.transport")

GATHER_SECONDS = 2.0
"""How long an answer waits for a STUN or TURN server."""
STALL_SECONDS = 1.0
"""Lateness of a timer that shows that this process was stopped, not the network."""
MAX_UNREAD = 4096
"""Datagrams that may wait for DTLS."""
RELAY_SECONDS = 0.5
MAX_RELAYING = 256
"""Datagrams that may wait for a TURN server to bind a channel."""


class IceAgent(Connection):
    """An ICE agent for one component, on sockets that it shares.

    ``servers`` are aioice's arguments for STUN and TURN; ``public`` replaces the host candidates; ``lost`` is done when
    the other side has not answered for ``consent_seconds`` (RFC 7675).

    ``role``, ``_recv`` and ``_send`` are what aiortc's DTLS transport asks of its ICE transport, ``send_now`` and
    ``divert`` what the fast one does.
    """

    def __init__(
        self,
        ports: Sequence[UdpPort],
        *,
        controlling: bool,
        public: Sequence[str],
        servers: Mapping[str, Any],
        consent_seconds: float,
    ) -> None:
        super().__init__(
            ice_controlling=controlling, local_username=token_hex(8), local_password=token_hex(16), **servers
        )
        self._ports = ports
        self._public = public
        self._consent_seconds = consent_seconds
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._found: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connecting: asyncio.Task[None] | None = None
        self._consent: Consent | None = None
        self._taker: Callable[[bytes], None] | None = None
        self._relaying: set[asyncio.Future[None]] = set()

    @property
    def role(self) -> str:
        """Ours: "controlling" or "controlled"."""
        return "controlling" if self.ice_controlling else "controlled"

    async def connect(self) -> None:
        """Return as soon as a pair is nominated: aioice's own looks every 20 ms. Raises ConnectionError."""
        self._connecting = connecting = asyncio.create_task(super().connect())
        await asyncio.wait((connecting, self._found), return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            connecting.result()

    async def _recv(self) -> bytes:
        return await self.recv()

    async def _send(self, data: bytes) -> None:
        await self.send(data)

    def send_now(self, datagrams: bytes, size: int) -> None:
        """Send datagrams, end to end, of ``size`` bytes each, the last at most, to the other side, or lose them.

        Raises ConnectionError before there is a way.
        """
        pair = self._nominated.get(1)
        if pair is None:
            raise ConnectionError("ICE is not connected.")
        if isinstance(pair.protocol, PeerStun):
            pair.protocol.port.send_all(datagrams, size, pair.remote_addr)
            return
        for datagram in cut(datagrams, size):
            if len(self._relaying) < MAX_RELAYING:
                self._relay(pair, datagram)

    def send_lone(self, datagram: bytes, *, may_fragment: bool) -> None:
        """Send a datagram that nobody may fragment, or everybody, or lose it; a relay takes none of the former."""
        pair = self._nominated.get(1)
        if pair is not None and isinstance(pair.protocol, PeerStun):
            pair.protocol.port.send_lone(datagram, pair.remote_addr, may_fragment=may_fragment)
        elif may_fragment:
            self.send_now(datagram, len(datagram))

    @contextmanager
    def divert(self, taker: Callable[[bytes], None]) -> Iterator[None]:
        """Hand datagrams for DTLS to ``taker`` as they come, those that wait first, as long as the context lasts."""
        while not self._queue.empty():
            waiting = self._queue.get_nowait()
            if waiting is not None:
                taker(waiting[0])
        self._taker = taker
        try:
            yield
        finally:
            self._taker = None

    async def gather_candidates(self) -> None:
        """Attach to the sockets and collect what to announce: addresses of ours, then those that servers give us."""
        shares = [port.attach(self, host_candidate(port.host, port.port)) for port in self._ports]
        self._protocols += shares
        self._local_candidates += self._announced(shares)
        reflexive, relayed = await asyncio.gather(self._reflexive(shares), self._relayed())
        self._local_candidates += reflexive + relayed
        self._local_candidates_end = True

    async def add_candidate_line(self, line: str) -> None:
        """Take one ``a=candidate`` value of the other side; what can't be used is left out.

        Left out are mDNS names (nobody here could resolve them, and waiting for that stalls the set-up by a second),
        TCP, RTCP components, and whatever exceeds the bound. Raises Problem ``bad_sdp`` if it is no candidate at all.
        """
        try:
            candidate = Candidate.from_sdp(line.removeprefix("a=").removeprefix("candidate:"))
        except ValueError as exc:
            raise Problem("bad_sdp", f"{line[:80]!r} is not an ICE candidate.") from exc
        usable = candidate.component == 1 and candidate.transport.lower() == "udp" and 0 < candidate.port < 65536
        if usable and not candidate.host.lower().endswith(".local") and self._has_room():
            await self.add_remote_candidate(candidate)

    async def close(self) -> None:
        """Close; what a TURN server has not taken in a moment is lost."""
        if self._relaying:
            _, stuck = await asyncio.wait(self._relaying, timeout=RELAY_SECONDS)
            for task in stuck:
                task.cancel()
        await super().close()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)

    def data_received(self, data: bytes, component: int) -> None:
        """Take a datagram for DTLS; an empty one, which a relay may pass on, would end its reader."""
        if not data:
            return
        if self._taker is not None:
            self._taker(data)
        elif self._queue.qsize() < MAX_UNREAD:
            super().data_received(data, component)

    def check_incoming(self, message: stun.Message, addr: Address, protocol: StunProtocol) -> None:
        """Handle an authenticated check; whoever knows the password may still not make us know ever more addresses."""
        pair = self._nominated.get(1)
        if self._consent is not None and pair is not None and pair.remote_addr == addr:
            self._consent.heard(asyncio.get_running_loop().time())
        known = any((c._network_host, c.port) == addr for c in self._remote_candidates)
        if known or self._has_room():
            super().check_incoming(message, addr, protocol)

    async def check_start(self, pair: CandidatePair) -> None:
        """Check a pair. aioice stops what is being checked when another pair is nominated, and never checks it again.

        A browser may nominate that one after the other, and what it sends from there would be a stranger's.
        """
        try:
            await super().check_start(pair)
        except asyncio.CancelledError:
            pair.task = None
            if not self._closing:
                self.check_start_task(pair)
            raise

    def check_complete(self, pair: CandidatePair) -> None:
        """Take note of an address that has answered our check."""
        if pair.state == CandidatePair.State.SUCCEEDED and isinstance(pair.protocol, PeerStun):
            pair.protocol.port.learn(pair.remote_addr, pair.protocol)
        super().check_complete(pair)
        if self._nominated and not self._found.done():
            self._found.set_result(None)

    async def query_consent(self) -> None:
        """Ask for consent until nothing came for ``consent_seconds``: aioice takes half a minute to notice."""
        clock = asyncio.get_running_loop().time
        self._consent = consent = Consent(self._consent_seconds, clock())
        while clock() < consent.expires:
            pause = consent.pause(clock()) * random.uniform(0.8, 1.0)  # noqa: S311 - spreads load, no secret
            due = clock() + pause
            await asyncio.sleep(pause)
            if clock() > due + STALL_SECONDS:
                consent.excuse(clock())
            if clock() >= consent.due:
                with suppress(TimeoutError, stun.TransactionError):
                    async with asyncio.timeout_at(consent.expires):
                        await self._ask_consent()
                    consent.given(clock())
        self.lost.set_result(None)

    async def _ask_consent(self) -> None:
        pair = self._nominated[1]
        assert self.remote_password is not None
        await pair.protocol.request(
            self.build_request(pair, nominate=False),
            pair.remote_addr,
            integrity_key=self.remote_password.encode(),
            retransmissions=1,
        )

    def _relay(self, pair: CandidatePair, data: bytes) -> None:
        """Send through the TURN server, which may have to be told of the address first."""
        task = asyncio.ensure_future(pair.protocol.send_data(data, pair.remote_addr))
        self._relaying.add(task)
        task.add_done_callback(self._relayed_one)

    def _relayed_one(self, task: asyncio.Future[None]) -> None:
        self._relaying.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            log.debug("ice.relay_failed", error=repr(failure))

    def _has_room(self) -> bool:
        return len(self._remote_candidates) < MAX_CANDIDATES

    def _announced(self, shares: Sequence[PeerStun]) -> list[Candidate]:
        hosts = [share.local_candidate for share in shares]
        if not self._public:
            return hosts
        port_of = {":" in host.host: host.port for host in reversed(hosts)}
        return [host_candidate(ip, port_of[":" in ip]) for ip in self._public if (":" in ip) in port_of]

    async def _reflexive(self, shares: Sequence[PeerStun]) -> list[Candidate]:
        """Ask the STUN server, if there is one, how it sees our IPv4 sockets."""
        if self.stun_server is None or self._public:
            return []
        asked = [server_reflexive_candidate(share, self.stun_server) for share in shares if ":" not in share.port.host]
        return [candidate for candidate in await asyncio.gather(*map(_in_time, asked)) if candidate is not None]

    async def _relayed(self) -> list[Candidate]:
        """Ask the TURN server, if there is one, for an address of its own."""
        found = await self.get_component_candidates(1, addresses=[], timeout=int(GATHER_SECONDS))
        if self.turn_server is not None and not found:
            log.warning("ice.turn_failed", hint="check address, username and credential in webrtc.ice_servers")
        return found


def host_candidate(host: str, port: int) -> Candidate:
    """A host candidate (RFC 8445 section 5.1)."""
    return Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=1,
        transport="udp",
        priority=candidate_priority(1, "host"),
        host=host,
        port=port,
        type="host",
    )


async def _in_time(asked: Any) -> Candidate | None:
    try:
        async with asyncio.timeout(GATHER_SECONDS):
            candidate, _ = await asked
    except (TimeoutError, OSError, stun.TransactionError) as exc:
        log.warning("ice.stun_failed", error=repr(exc), hint="check the stun: entry of webrtc.ice_servers")
        return None
    return candidate  # type: ignore[no-any-return]
