"""What a script sends on the data channels of one session."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from aribridge.janus.plugins.lua.callbacks import Spawn
from aribridge.janus.ports import Channel
from aribridge.protocol.problems import Problem
from aribridge.transport.carrier import CarrierClosed

log = structlog.get_logger("aribridge.janus")

DEFAULT_LABEL = "JanusDataChannel"
"""Where Janus sends what has no label, and what janus.js calls its channel."""

MAX_NAME = 65_535
"""Bytes of a label and of a protocol in the message that opens a channel (RFC 8832)."""

MAX_WAITING = 10_000
MAX_BYTES = 8_388_608
SEND_SECONDS = 30.0
TOO_SLOW = 1008

Frame = str | bytes


class Opener(Protocol):
    """Who opens data channels from our side."""

    def open_channel(self, label: str, protocol: str) -> None:
        """Raises CarrierClosed, Problem ``too_many_requests``, UnicodeEncodeError."""


class Relay:
    """The data channels of a session by their labels; ``drained`` is told when all that was sent on one is on its way.

    A message goes to the first open channel of its label; where there is none, one is opened, reliable and ordered.
    """

    def __init__(self, opener: Opener, spawn: Spawn, drained: Callable[[], None]) -> None:
        self._opener = opener
        self._spawn = spawn
        self._drained = drained
        self._outlets: list[_Outlet] = []
        self._opening: dict[str, list[Frame]] = {}

    def add(self, channel: Channel) -> None:
        """A channel is open."""
        outlet = _Outlet(channel, self._spawn, self._drained)
        self._outlets.append(outlet)
        for frame in self._opening.pop(channel.label, ()):
            outlet.send(frame)

    def remove(self, channel: Channel) -> None:
        """A channel is gone, with all that waits for it."""
        for outlet in [outlet for outlet in self._outlets if outlet.channel is channel]:
            outlet.close()
            self._outlets.remove(outlet)

    def clear(self) -> None:
        """The peer connection is gone."""
        self._opening.clear()

    def send(self, frame: Frame, label: str, protocol: str) -> None:
        """Send a message on the channel of that label; the default one if it is empty."""
        label = label or DEFAULT_LABEL
        for outlet in self._outlets:
            if outlet.channel.label == label:
                outlet.send(frame)
                return
        self._open(frame, label, protocol)

    def _open(self, frame: Frame, label: str, protocol: str) -> None:
        waiting = self._opening.get(label)
        if waiting is None:
            if max(len(label), len(protocol)) > MAX_NAME:
                log.warning("relay.no_channel", label=label[:64], error=f"names have at most {MAX_NAME} bytes")
                return
            try:
                self._opener.open_channel(label, protocol)
            except (CarrierClosed, Problem, UnicodeEncodeError) as error:
                log.warning("relay.no_channel", label=label[:64], error=str(error))
                return
            waiting = self._opening[label] = []
        if len(waiting) < MAX_WAITING and sum(map(len, waiting)) < MAX_BYTES:
            waiting.append(frame)
        else:
            log.warning("relay.dropped", label=label[:64], waiting=len(waiting))


class _Outlet:
    """One channel and what waits for it."""

    def __init__(self, channel: Channel, spawn: Spawn, drained: Callable[[], None]) -> None:
        self.channel = channel
        self._spawn = spawn
        self._drained = drained
        self._waiting: deque[Frame] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._overrun = False

    def send(self, frame: Frame) -> None:
        """Queue a message; one too many ends the channel, since nobody would notice what is missing."""
        if not self._fits(frame) or self._overrun:
            return
        self._waiting.append(frame)
        self._bytes += len(frame)
        self._overrun = len(self._waiting) > MAX_WAITING or self._bytes > MAX_BYTES
        if self._task is None:
            self._task = self._spawn(self._run())

    def close(self) -> None:
        """Send nothing any more."""
        if self._task is not None:
            self._task.cancel()

    def _fits(self, frame: Frame) -> bool:
        size = len(frame.encode()) if isinstance(frame, str) else len(frame)
        if size <= self.channel.max_send:
            return True
        log.warning("relay.too_large", label=self.channel.label[:64], bytes=size, most=self.channel.max_send)
        return False

    async def _run(self) -> None:
        try:
            while self._waiting and not self._overrun:
                frame = self._waiting.popleft()
                self._bytes -= len(frame)
                async with asyncio.timeout(SEND_SECONDS):
                    await (self.channel.send_bytes(frame) if isinstance(frame, bytes) else self.channel.send(frame))
        except CarrierClosed:
            return
        except TimeoutError:
            self._overrun = True
        finally:
            self._task = None
        if self._overrun:
            log.warning("relay.overrun", label=self.channel.label[:64], waiting=len(self._waiting))
            await self.channel.close(TOO_SLOW, "messages come faster than they are read")
        else:
            self._drained()
