"""Handles: a session's attachment to a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import structlog

from aribridge.core.principal import Principal
from aribridge.janus.jsep import Jsep
from aribridge.janus.lane import Lane
from aribridge.janus.link import Link
from aribridge.janus.plugin import PluginFactory
from aribridge.janus.ports import Channel, Rtc
from aribridge.janus.tasks import Tasks
from aribridge.transport.carrier import Receiver

log = structlog.get_logger("aribridge.janus")
_T = TypeVar("_T")


class Owner(Protocol):
    """What a handle needs of its session."""

    @property
    def id(self) -> int:
        """The session's id."""

    @property
    def principal(self) -> Principal:
        """Whose it is."""

    def renew(self, principal: Principal) -> None:
        """It has fresh credentials."""

    @property
    def address(self) -> str:
        """The IP address that made it."""

    def emit(self, event: Mapping[str, Any]) -> None:
        """Queue an event for the client."""

    def touch(self) -> None:
        """Count a sign of life."""

    def forget(self, handle_id: int) -> None:
        """The handle takes no more requests."""


class Handle:
    """Joins a plugin's handle, its peer connection and its session; it is the plugin's HandleContext."""

    def __init__(self, handle_id: int, session: Owner, factory: PluginFactory, rtc: Rtc, tasks: Tasks) -> None:
        """Attach to the plugin. Raises what its ``attach`` raises."""
        self.id = handle_id
        self.package = factory.info.name
        self.lane = Lane(tasks)
        self.link = Link(rtc, self)
        self.released = False
        self.spawn = tasks.spawn
        self._session = session
        self.plugin = factory.attach(self)

    @property
    def principal(self) -> Principal:
        """Whose handle it is, by those of its credentials that last longest."""
        return self._session.principal

    def renew(self, principal: Principal) -> None:
        """The client has a fresh token of the same subject: its session has, too."""
        self._session.renew(principal)

    @property
    def address(self) -> str:
        """The IP address that the session was made from."""
        return self._session.address

    def push(self, data: Mapping[str, Any], *, jsep: Jsep | None = None, transaction: str | None = None) -> None:
        """Send an ``event`` of the plugin's to the client."""
        self._emit(
            "event",
            **({"transaction": transaction} if transaction is not None else {}),
            plugindata={"plugin": self.package, "data": data},
            **({"jsep": jsep.to_json()} if jsep else {}),
        )

    async def negotiate(self, jsep: Jsep) -> Jsep | None:
        """Take the client's offer and return the answer, or take its answer to our offer."""
        return await self.link.negotiate(jsep)

    async def offer(self, label: str | None = None) -> Jsep:
        """Make the offer of a data channel."""
        return await self.link.offer(label)

    def open_channel(self, label: str, protocol: str) -> None:
        """Open a data channel from our side."""
        self.link.open_channel(label, protocol)

    async def hang_up(self, reason: str) -> None:
        """Close the peer connection, if there is one."""
        await self.link.hang_up(reason)

    def connected(self) -> None:
        """The peer connection is up."""
        self._session.touch()
        self._emit("webrtcup")
        self._guard(self.plugin.connected)

    def channel(self, channel: Channel) -> Receiver | None:
        """A data channel is open: the plugin says who receives."""
        receiver = self._guard(lambda: self.plugin.channel(channel))
        return None if receiver is None else _Watched(receiver, self._session.touch)

    def disconnected(self, reason: str) -> None:
        """The peer connection is gone."""
        self._guard(lambda: self.plugin.hangup(reason))
        self._emit("hangup", reason=reason)

    async def release(self) -> None:
        """Let go of everything: requests that wait, the peer connection, the plugin's part."""
        if self.released:
            return
        self.released = True
        self._session.forget(self.id)
        await self.lane.close()
        await self.link.hang_up("Detach")
        self._guard(self.plugin.detach)
        self._emit("detached")
        log.info("handle.detached", session=self._session.id, handle=self.id, plugin=self.package)

    def _emit(self, kind: str, **content: Any) -> None:
        self._session.emit({"janus": kind, "session_id": self._session.id, "sender": self.id, **content})

    def _guard(self, call: Callable[[], _T]) -> _T | None:
        """Call into the plugin from a callback that must not raise."""
        try:
            return call()
        except Exception:
            log.exception("plugin.failed", session=self._session.id, handle=self.id, plugin=self.package)
            return None


class _Watched:
    """Passes on what arrives on a data channel, as a sign of life of the session."""

    def __init__(self, receiver: Receiver, touch: Callable[[], None]) -> None:
        self._receiver = receiver
        self._touch = touch
        self.closed = receiver.closed

    def received(self, frame: str | bytes) -> bool:
        """One message."""
        self._touch()
        return self._receiver.received(frame)
