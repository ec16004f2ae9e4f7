"""Janus sessions: who owns them, who reads their events, when they end."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import structlog

from aribridge.core.places import Places
from aribridge.core.principal import Principal
from aribridge.core.settings import JanusSettings
from aribridge.janus.errors import Code, JanusError
from aribridge.janus.events import EventQueue, Rooms
from aribridge.janus.handles import Handle
from aribridge.janus.requests import MAX_ID
from aribridge.janus.tasks import Tasks
from aribridge.janus.wire import encode

log = structlog.get_logger("aribridge.janus")


class Source(Protocol):
    """The connection that reads a session's events."""

    def join(self, session: Session) -> None:
        """The session is read here from now on."""

    def wake(self, session: Session) -> None:
        """The session has events to take."""

    def leave(self, session: Session, notice: str | None = None) -> None:
        """The session ended, or was claimed by another connection; send the notice and forget it."""


class Session:
    """A client's session: handles, and the events that they raise."""

    def __init__(self, session_id: int, principal: Principal, address: str, events: EventQueue) -> None:
        self.id = session_id
        self.address = address
        self.principal = principal
        self.handles: dict[int, Handle] = {}
        self.events = events
        self.source: Source | None = None
        self.orphaned: float | None = None
        self.active = time.monotonic()
        self.over = False

    def touch(self) -> None:
        """Count a sign of life, as long as the credentials are good."""
        expires = self.principal.expires
        if expires is None or time.time() < expires:
            self.active = time.monotonic()

    def renew(self, principal: Principal) -> None:
        """Here are credentials of the same subject: those count that are good for longest.

        A page that has brought a fresh token on its data channel may go on with its older one elsewhere.
        """
        if _end_of(principal) >= _end_of(self.principal):
            self.principal = principal
        self.touch()

    def emit(self, event: Mapping[str, Any]) -> None:
        """Queue an event for the client; it waits where nobody reads."""
        if self.over:
            return
        self.events.put(encode(event))
        if self.events and self.source is not None:
            self.source.wake(self)

    def bind(self, source: Source) -> None:
        """Let ``source`` read the events from now on, those included that nobody has read yet."""
        if self.source is not None and self.source is not source:
            self.source.leave(self)
        self.source, self.orphaned = source, None
        source.join(self)
        if self.events:
            source.wake(self)

    def unsent(self, event: str) -> None:
        """An event was taken and could not be sent; by now another source may be waiting for it."""
        if self.over:
            return
        self.events.put_back(event)
        if self.source is not None:
            self.source.wake(self)

    def orphan(self) -> None:
        """The source is gone; keep the events for the one that claims the session."""
        self.source, self.orphaned = None, time.monotonic()

    def forget(self, handle_id: int) -> None:
        """A handle takes no more requests."""
        self.handles.pop(handle_id, None)

    def handle(self, handle_id: int) -> Handle:
        """Find a handle. Raises JanusError 459."""
        handle = self.handles.get(handle_id)
        if handle is None:
            raise JanusError(Code.NO_HANDLE, f"No handle {handle_id} in this session; attach to a plugin first.")
        return handle


class Sessions:
    """All sessions of the door, and the watchdog that ends the silent ones."""

    def __init__(self, settings: JanusSettings, tasks: Tasks, grace: float) -> None:
        """``grace`` is for how many seconds a session outlives its token."""
        self._settings = settings
        self._grace = grace
        self._tasks = tasks
        self._sessions: dict[int, Session] = {}
        self._subjects = Places(settings.subject_sessions)
        self._rooms = Rooms()
        self._closed = False
        limits = [seconds for seconds in (settings.session_seconds, settings.reclaim_seconds) if seconds > 0]
        self._interval = min([2.0, *(seconds / 4 for seconds in limits)])

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def create(self, principal: Principal, wanted: int, address: str) -> Session:
        """Make a session, with the id that the client wants or, for 0, a random one. JanusError 468, 472."""
        if self._closed:
            raise JanusError(Code.NOT_ACCEPTING, "The gateway is stopping; connect again in a moment.")
        if len(self._sessions) >= self._settings.sessions:
            raise JanusError(
                Code.NOT_ACCEPTING, f"All {self._settings.sessions} sessions (janus.sessions) are in use; try later."
            )
        if wanted in self._sessions:
            raise JanusError(Code.SESSION_TAKEN, f"Session id {wanted} is in use; leave id out to get a free one.")
        if not self._subjects.take(owner(principal)):
            reason = f"This subject has its {self._subjects.most} sessions (janus.subject_sessions); destroy one."
            raise JanusError(Code.NOT_ACCEPTING, reason)
        session_id = wanted or random_id(self._sessions)
        events = self._rooms.queue(session_id, owner(principal), self._settings.queue)
        session = Session(session_id, principal, address, events)
        self._sessions[session.id] = session
        log.info("session.created", session=session.id, sub=principal.sub, tenant=principal.tenant)
        return session

    def find(self, session_id: int, principal: Principal) -> Session:
        """Find a session of this principal. Raises JanusError 458, the same for one of somebody else."""
        session = self._sessions.get(session_id)
        if session is None or owner(session.principal) != owner(principal):
            raise JanusError(Code.NO_SESSION, f"No session {session_id}; it may have timed out. Create one.")
        session.renew(principal)
        return session

    def lose(self, session: Session) -> None:
        """Its connection dropped: keep it for a claim, or end it where reclaiming is off."""
        session.orphan()
        if self._settings.reclaim_seconds <= 0:
            self.end(session, "connection lost")
        else:
            log.info("session.orphaned", session=session.id, claim_within=self._settings.reclaim_seconds)

    def end(self, session: Session, reason: str, notice: Mapping[str, Any] | None = None) -> None:
        """End a session now; what its handles hold is released in the background."""
        if session.over:
            return
        session.over = True
        del self._sessions[session.id]
        self._subjects.give(owner(session.principal))
        log.info("session.ended", session=session.id, reason=reason)
        if session.source is not None:
            session.source.leave(session, encode(notice) if notice else None)
        session.events.clear()
        for handle in list(session.handles.values()):
            self._tasks.spawn(handle.release())

    def expel(self, is_revoked: Callable[[Principal], bool]) -> int:
        """End the sessions whose token was revoked; return how many these are."""
        found = [session for session in self if is_revoked(session.principal)]
        for session in found:
            self.end(session, "revoked", {"janus": "timeout", "session_id": session.id})
        return len(found)

    @property
    def accepting(self) -> bool:
        """Whether new ones are made."""
        return not self._closed

    def refuse(self) -> None:
        """Make no more sessions."""
        self._closed = True

    def close(self) -> None:
        """End all sessions, and make no more."""
        self.refuse()
        for session in self:
            self.end(session, "the gateway stops")

    async def watch(self) -> None:
        """End sessions that time out, or whose token did, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            for session in self:
                self._end_if_expired(session)
                self._end_if_silent(session)
                if session.over:
                    # Thousands may end in one round, and each has handles to release.
                    await asyncio.sleep(0)

    def _end_if_expired(self, session: Session) -> None:
        expires = session.principal.expires
        if expires is not None and time.time() >= expires + self._grace:
            self.end(session, "token expired", {"janus": "timeout", "session_id": session.id})

    def _end_if_silent(self, session: Session) -> None:
        silent = time.monotonic() - max(session.active, session.orphaned or 0)
        if session.orphaned is not None:
            if silent > self._settings.reclaim_seconds:
                self.end(session, "not claimed")
        elif 0 < self._settings.session_seconds < silent:
            self.end(session, "timeout", {"janus": "timeout", "session_id": session.id})


def _end_of(principal: Principal) -> float:
    return math.inf if principal.expires is None else principal.expires


def owner(principal: Principal) -> tuple[str | None, str]:
    """Whose a session is: it outlives the token that made it, but not the subject."""
    return principal.tenant, principal.sub


def random_id(taken: Mapping[int, object]) -> int:
    """A free id that cannot be guessed."""
    while True:
        candidate = secrets.randbelow(MAX_ID) + 1
        if candidate not in taken:
            return candidate
