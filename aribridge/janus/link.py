"""The peer connection of a handle: session descriptions, candidates, and what the connection tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from aribridge.janus.errors import Code, JanusError
from aribridge.janus.jsep import MAX_CANDIDATES, Candidate, Jsep
from aribridge.janus.ports import Channel, Peer, Rtc
from aribridge.protocol.problems import Problem
from aribridge.transport.carrier import CarrierClosed, Receiver

log = structlog.get_logger("aribridge.janus")

CANDIDATE_SECONDS = 45.0
"""How long candidates that came before their session description are kept, as in Janus."""
CLOSE_SECONDS = 5.0


class LinkEvents(Protocol):
    """What a handle hears about its peer connection."""

    @property
    def address(self) -> str:
        """The IP address of the client."""

    def connected(self) -> None:
        """ICE and DTLS are done."""

    def channel(self, channel: Channel) -> Receiver | None:
        """A data channel is open: return who receives what arrives on it, None to have it closed."""

    def disconnected(self, reason: str) -> None:
        """The connection is gone."""


class _Connection:
    """One peer connection; stands between its events and the handle, which has at most one at a time."""

    peer: Peer

    def __init__(self, events: LinkEvents, forget: Callable[[_Connection, str], None]) -> None:
        self._forget = forget
        self.address = events.address
        self.connected = events.connected
        self.channel = events.channel
        self.settled = False
        self.over = False

    def closed(self, reason: str) -> None:
        """The connection is gone."""
        if not self.over:
            self.over = True
            self._forget(self, reason)


class Link:
    """The place of a handle's peer connection, made by the client's offer or by ours."""

    def __init__(self, rtc: Rtc, events: LinkEvents) -> None:
        self._rtc = rtc
        self._events = events
        self._connection: _Connection | None = None
        self._making: _Connection | None = None
        self._early: list[tuple[float, Candidate]] = []

    async def negotiate(self, jsep: Jsep) -> Jsep | None:
        """Answer the client's offer, or take its answer to ours (None).

        Raises JanusError 469, 471; Problem ``bad_sdp``, ``ice_restart``, ``too_many_requests``.
        """
        if jsep.type == "offer":
            return Jsep("answer", await self._answer(jsep.sdp))
        await self._accept(jsep.sdp)
        return None

    async def offer(self, label: str | None) -> Jsep:
        """Offer a data channel. Raises JanusError 471 where there is a connection already."""
        if self._connection is not None:
            raise JanusError(Code.WRONG_STATE, "The handle has a peer connection already; hang up first.")
        self._check_not_making()
        connection = _Connection(self._events, self._forget)
        await self._install(connection, self._rtc.offer(connection, label=label))
        return Jsep("offer", connection.peer.sdp)

    async def add_candidates(self, candidates: list[Candidate]) -> None:
        """Take trickled candidates; they wait where the session description has not come yet. Problem ``bad_sdp``."""
        connection = self._connection
        if connection is None or not connection.settled:
            now = time.monotonic()
            self._early = [*self._early, *((now, candidate) for candidate in candidates)][-MAX_CANDIDATES:]
            return
        for candidate in candidates:
            await connection.peer.add_candidate(candidate)

    def open_channel(self, label: str, protocol: str) -> None:
        """Open a data channel on the connection. Raises CarrierClosed without one, Problem ``too_many_requests``."""
        if self._connection is None:
            raise CarrierClosed("The handle has no peer connection.")
        self._connection.peer.open_channel(label, protocol)

    async def hang_up(self, reason: str) -> None:
        """Close the connection, if there is one; the handle hears of it before this returns.

        One that is being made is closed by whoever makes it, and the handle never hears of it.
        """
        self._early.clear()
        if self._making is not None:
            self._making.over = True
        if self._connection is not None:
            await self._close(self._connection, reason)

    async def _answer(self, sdp: str) -> str:
        connection = self._connection
        if connection is None:
            self._check_not_making()
            connection = _Connection(self._events, self._forget)
            await self._install(connection, self._rtc.answer(sdp, connection))
            await self._settle(connection)
            return connection.peer.sdp
        if not connection.settled:
            raise JanusError(Code.WRONG_STATE, "An offer from here waits for its answer; send that, or hang up first.")
        return await connection.peer.renegotiate(sdp)

    async def _accept(self, sdp: str) -> None:
        connection = self._connection
        if connection is None or connection.settled:
            raise JanusError(Code.UNEXPECTED_ANSWER, "No offer from here waits for an answer; send an offer instead.")
        await connection.peer.accept_answer(sdp)
        await self._settle(connection)

    def _check_not_making(self) -> None:
        """The client and the plugin may both offer at once, and a second connection would be nobody's."""
        if self._making is not None:
            raise JanusError(Code.WRONG_STATE, "The handle's peer connection is being made; wait, or hang up first.")

    async def _install(self, connection: _Connection, making: Awaitable[Peer]) -> None:
        self._making = connection
        try:
            connection.peer = await making
        finally:
            self._making = None
        if connection.over:
            await self._close(connection, "Close PC")
            raise JanusError(Code.WRONG_STATE, "The peer connection ended while it was made; send a new offer.")
        self._connection = connection

    async def _close(self, connection: _Connection, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.peer.close(reason)
        except TimeoutError:
            log.warning("peer.close_stuck", seconds=CLOSE_SECONDS)
        finally:
            connection.closed(reason)

    async def _settle(self, connection: _Connection) -> None:
        """Both descriptions are known: hand over the candidates that came early."""
        connection.settled = True
        oldest = time.monotonic() - CANDIDATE_SECONDS
        early, self._early = self._early, []
        for _, candidate in (entry for entry in early if entry[0] > oldest):
            try:
                await connection.peer.add_candidate(candidate)
            except Problem as problem:
                # Its trickle was acknowledged long ago, and may have been meant for an earlier connection.
                log.debug("candidate.refused", detail=problem.detail)

    def _forget(self, connection: _Connection, reason: str) -> None:
        if self._connection is connection:
            self._connection = None
            self._early.clear()
            self._events.disconnected(reason)
