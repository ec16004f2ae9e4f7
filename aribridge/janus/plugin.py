"""The contract between the Janus door and its plugins.

A plugin is a factory; each ``attach`` makes one handle of it. The door deals with sessions, order, time limits and peer
connections; the plugin decides what a message means and who talks on the data channels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aribridge.core.principal import Principal
from aribridge.janus.jsep import Jsep
from aribridge.janus.ports import Channel
from aribridge.transport.carrier import Receiver


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """How ``info`` describes a plugin."""

    name: str
    description: str
    author: str = "aribridge"
    version: int = 1
    version_string: str = "1"
    title: str = ""
    """What people call it; empty: as its name."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a plugin answers a message.

    ``sync``: the request's own reply is ``success`` with ``data``. ``async``: the reply is ``ack``, and ``data`` with
    ``jsep`` follows as an ``event`` of the same transaction, unless ``data`` is None (the plugin will push later).
    """

    kind: Literal["sync", "async"]
    data: Mapping[str, Any] | None = None
    jsep: Jsep | None = None


class HandleContext(Protocol):
    """What a plugin may do with the handle it is attached to."""

    @property
    def id(self) -> int:
        """The handle's id: unique in its session."""

    @property
    def principal(self) -> Principal:
        """Whose handle it is, by those of its credentials that last longest."""

    def renew(self, principal: Principal) -> None:
        """The client has a fresh token of the same subject: its session lasts as long as that."""

    @property
    def address(self) -> str:
        """The IP address that the handle's session was made from."""

    def push(self, data: Mapping[str, Any], *, jsep: Jsep | None = None, transaction: str | None = None) -> None:
        """Send an ``event`` to the client; kept while the client is away."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start work in the background; who starts it sees to it that it ends with the handle."""

    async def negotiate(self, jsep: Jsep) -> Jsep | None:
        """Take the client's offer and return the answer, or take its answer to our offer.

        Raises Problem ``bad_sdp``, ``ice_restart`` or JanusError 469; the door turns them into error replies.
        """

    async def offer(self, label: str | None = None) -> Jsep:
        """Make the offer of a data channel; with a label, we open one of that name. JanusError 471 if connected."""

    def open_channel(self, label: str, protocol: str) -> None:
        """Open a data channel from our side, told by ``PluginHandle.channel`` when it is open.

        Raises CarrierClosed without a peer connection, Problem ``too_many_requests``, UnicodeEncodeError: ASCII alone.
        """

    async def hang_up(self, reason: str) -> None:
        """Close the peer connection, if there is one."""

    async def release(self) -> None:
        """End the handle, as ``detach`` does."""


class PluginHandle(Protocol):
    """One client's use of a plugin."""

    async def message(self, body: Mapping[str, Any], jsep: Jsep | None, transaction: str) -> Result:
        """Answer a message; never runs twice at once for a handle."""

    def connected(self) -> None:
        """The peer connection is up."""

    def channel(self, channel: Channel) -> Receiver | None:
        """A data channel is open: return who receives what arrives on it, None to refuse it."""

    def hangup(self, reason: str) -> None:
        """The peer connection is gone; a new one may be made."""

    def detach(self) -> None:
        """The handle is gone; told once, after hangup."""


class PluginFactory(Protocol):
    """A plugin."""

    @property
    def info(self) -> PluginInfo:
        """What it is."""

    def attach(self, context: HandleContext) -> PluginHandle:
        """Make a handle. Raises Problem if it can't."""
