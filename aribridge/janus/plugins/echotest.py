"""``janus.plugin.echotest``: what arrives on a data channel goes back; the smoke test of every Janus client.

Observable behaviour of https://janus.conf.meetecho.com/docs/echotest.html, for data alone: the settings for audio and
video are checked, and change nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

import structlog

from aribridge.janus.jsep import Jsep
from aribridge.janus.plugin import HandleContext, PluginInfo, Result
from aribridge.janus.ports import Channel
from aribridge.transport.carrier import CarrierClosed

log = structlog.get_logger("aribridge.janus")

PREFIX = "Janus EchoTest here! You wrote: "
"""What clients' tests look for before their own text."""

WAITING = 64
SEND_SECONDS = 10.0
TOO_SLOW = 1008
"""The WebSocket code for a policy violation; data channels do not carry it."""

INVALID_ELEMENT = 413

_FIELDS: Mapping[str, type] = {
    **dict.fromkeys(("audio", "video", "record", "svc", "opusred"), bool),
    **dict.fromkeys(("bitrate", "substream", "temporal", "fallback", "spatial_layer", "temporal_layer"), int),
    **dict.fromkeys(("min_delay", "max_delay"), int),
    **dict.fromkeys(("filename", "audiocodec", "videocodec", "videoprofile"), str),
}


class EchoTestPlugin:
    """Makes handles that echo."""

    info = PluginInfo("janus.plugin.echotest", "Echoes what arrives on data channels")

    def attach(self, context: HandleContext) -> _EchoHandle:
        """Make a handle."""
        return _EchoHandle(context)


class _EchoHandle:
    def __init__(self, context: HandleContext) -> None:
        self._context = context

    async def message(self, body: Mapping[str, Any], jsep: Jsep | None, transaction: str) -> Result:
        """Check the settings, answer the offer."""
        wrong = _wrong_field(body)
        if wrong is not None:
            return _error(wrong)
        if jsep is None:
            return _event("ok") if body.keys() & _FIELDS.keys() else _error("Send an offer, or a setting to change.")
        return _event("ok", await self._context.negotiate(jsep))

    def connected(self) -> None:
        """Nothing to do: what counts is the channels."""

    def channel(self, channel: Channel) -> _Echo:
        """Echo on the channel that the message came on."""
        return _Echo(channel, self._context)

    def hangup(self, reason: str) -> None:
        """Tell the page, as Janus does."""
        self._context.push({"echotest": "event", "result": "done"})

    def detach(self) -> None:
        """Nothing to do: hangup came before."""


class _Echo:
    """Sends back what arrives, in its order."""

    def __init__(self, channel: Channel, context: HandleContext) -> None:
        self._channel = channel
        self._context = context
        self._waiting: deque[str | bytes] = deque()
        self._is_over = False
        # Only while something waits: a stop of the gateway lets tasks come to their end.
        self._task: asyncio.Task[None] | None = None

    def received(self, frame: str | bytes) -> bool:
        """Queue a message; one that finds no room ends the channel, since an echo must not be partial."""
        if self._is_over:
            return False
        if len(self._waiting) < WAITING:
            self._waiting.append(frame)
        else:
            log.info("echo.overrun", label=self._channel.label, waiting=WAITING)
            self._is_over = True
        if self._task is None:
            self._task = self._context.spawn(self._run())
        return not self._is_over

    def closed(self, reason: str) -> None:
        """Nothing can be sent any more."""
        self._is_over = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._waiting and not self._is_over:
                await self._echo(self._waiting.popleft())
        except (CarrierClosed, TimeoutError):
            self._is_over = True
        finally:
            self._task = None
        if self._is_over:
            await self._channel.close(TOO_SLOW, "messages come faster than their echo is read")

    async def _echo(self, frame: str | bytes) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            if isinstance(frame, bytes):
                await self._channel.send_bytes(frame)
            else:
                await self._channel.send(self._text(frame))

    def _text(self, frame: str) -> str:
        text = PREFIX + frame
        if len(text.encode()) <= self._channel.max_send:
            return text
        return f"{PREFIX}{len(frame)} characters, too many to send back in one message."


def _wrong_field(body: Mapping[str, Any]) -> str | None:
    for name, kind in _FIELDS.items():
        if name in body and type(body[name]) is not kind:
            return f"{name} must be of type {kind.__name__}."
    return None


def _event(result: str, jsep: Jsep | None = None) -> Result:
    return Result("async", {"echotest": "event", "result": result}, jsep)


def _error(error: str) -> Result:
    return Result("async", {"echotest": "event", "error_code": INVALID_ELEMENT, "error": error})
