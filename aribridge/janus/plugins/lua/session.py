"""One session of a script of Janus: a handle of the Janus API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Never

import structlog

from aribridge.core import trace
from aribridge.janus.errors import Code, JanusError
from aribridge.janus.jsep import Jsep
from aribridge.janus.plugin import HandleContext, Result
from aribridge.janus.plugins.lua.callbacks import Callbacks
from aribridge.janus.plugins.lua.events import Events
from aribridge.janus.plugins.lua.relay import Relay
from aribridge.janus.plugins.lua.sdp import without_transport
from aribridge.janus.ports import Channel
from aribridge.janus.sessions import owner
from aribridge.script import ScriptFailure
from aribridge.script.janus import JanusScript

log = structlog.get_logger("aribridge.janus")

CLOSED = "Close PC"
TOO_FAST = 1008


class LuaSession:
    """Passes on what happens to a handle to the script's callbacks, and what the script asks for to the handle."""

    def __init__(
        self, number: int, script: JanusScript, context: HandleContext, *, forget: Callable[[int], None]
    ) -> None:
        self._id = float(number)  # as Janus gives it
        self._number = number
        self._script = script
        self._context = context
        self._forget = forget
        # The address, too: all whom one apisecret lets in are one subject.
        self._by = (*owner(context.principal), context.address)
        self._callbacks = Callbacks(script, context.spawn, self._by)
        self._events = Events(context)
        self._relay = Relay(context, context.spawn, self._drained)
        self._creating: asyncio.Task[None] | None = None
        self._connected = False
        self._ready = False

    # what happens to the handle

    def create(self) -> None:
        """Tell the script of the session."""
        self._callbacks.call("createSession", self._id)
        self._creating = self._callbacks.task

    async def message(self, body: Mapping[str, Any], jsep: Jsep | None, transaction: str) -> Result:
        """Negotiate what belongs to the transport, then let the script handle the message."""
        offered = jsep is not None and jsep.type == "offer"
        update = self._connected
        if jsep is not None:
            self._events.answer = await self._context.negotiate(jsep)
        try:
            if self._creating is not None:
                await asyncio.wait({self._creating})
            with self._events.after(transaction):
                return _result(await self._handle(body, jsep, transaction, update=update))
        except (JanusError, asyncio.CancelledError):
            # Nobody will answer the offer now: it failed, or took too long.
            if offered and not update:
                await self._context.hang_up(CLOSED)
            raise

    def connected(self) -> None:
        """The peer connection is up."""
        self._connected = True
        self._callbacks.call("setupMedia", self._id)

    def channel(self, channel: Channel) -> _Incoming:
        """A data channel is open."""
        self._relay.add(channel)
        if not self._ready:
            self._ready = True
            self._callbacks.call("dataReady", self._id)
        self._callbacks.call("dataChannelOpen", self._id, channel.label, channel.protocol)
        return _Incoming(self, channel)

    def hangup(self, reason: str) -> None:
        """The peer connection is gone."""
        self._connected = self._ready = False
        self._relay.clear()
        self._callbacks.call("hangupMedia", self._id)

    def detach(self) -> None:
        """The handle is gone."""
        self._callbacks.drop()
        self._callbacks.call("destroySession", self._id)
        self._callbacks.call("forget_session", self._id)
        self._events.close()
        self._forget(self._number)

    # what the script asks for

    def push(self, transaction: str | None, event: str, jsep: str | None) -> None:
        """Send an event to the client."""
        self._events.push(transaction, json.loads(event), None if jsep is None else json.loads(jsep))

    def relay(self, data: str | bytes, label: str, protocol: str) -> None:
        """Send a message on a data channel."""
        self._relay.send(data, label, protocol)

    def close_pc(self) -> None:
        """Close the peer connection."""
        self._context.spawn(self._context.hang_up(CLOSED))

    def end(self) -> None:
        """End the handle."""
        self._context.spawn(self._context.release())

    # data

    def received(self, channel: Channel, frame: str | bytes) -> bool:
        """Pass on a message from a data channel; False if too many wait."""
        callback = "incomingTextData" if isinstance(frame, str) else "incomingBinaryData"
        size = len(frame.encode("utf-8", "replace")) if isinstance(frame, str) else len(frame)
        return self._callbacks.offer(size, callback, self._id, frame, float(size), channel.label, channel.protocol)

    def close_channel(self, channel: Channel) -> None:
        """Close a data channel whose messages nobody can keep up with."""
        self._context.spawn(channel.close(TOO_FAST, "messages come faster than the script handles them"))

    def closed(self, channel: Channel) -> None:
        """A data channel is gone."""
        self._relay.remove(channel)
        self._callbacks.call("dataChannelClose", self._id, channel.label)

    def _drained(self) -> None:
        if "dataReady" in self._script.callbacks:
            self._callbacks.call("dataReady", self._id)

    async def _handle(self, body: Mapping[str, Any], jsep: Jsep | None, transaction: str, *, update: bool) -> list[Any]:
        message = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        described = None if jsep is None else _described(jsep, update=update)
        with trace.run():
            try:
                arguments = (self._id, transaction, message, described)
                return await self._script.call("handleMessage", *arguments, by=self._by)
            except ScriptFailure as failure:
                self._script.report("handleMessage", failure)
                raise JanusError(Code.MESSAGE_FAILED, f"The script failed: {failure}") from None


class _Incoming:
    """Takes what arrives on a data channel."""

    def __init__(self, session: LuaSession, channel: Channel) -> None:
        self._session = session
        self._channel = channel
        self._over = False

    def received(self, frame: str | bytes) -> bool:
        """Pass a message on; one that finds no room ends the channel, since a script must not miss one unseen."""
        if not self._over and not self._session.received(self._channel, frame):
            self._over = True
            log.warning("data.overrun", label=self._channel.label[:64])
            self._session.close_channel(self._channel)
        return not self._over

    def closed(self, reason: str) -> None:
        """Nothing can be sent any more."""
        self._session.closed(self._channel)


def _described(jsep: Jsep, *, update: bool) -> str:
    fields: dict[str, Any] = {"type": jsep.type, "sdp": without_transport(jsep.sdp)}
    return json.dumps(fields | {"update": True} if update else fields, ensure_ascii=False)


def _result(values: list[Any]) -> Result:
    """What handleMessage returned, as the door takes it: two values, more are left aside. Raises JanusError 462."""
    match [_number(value) for value in values[:1]] + values[1:2]:
        case [float() as number, reason] if number < 0:
            raise JanusError(Code.MESSAGE_FAILED, str(reason or "The script refused the message."))
        case [float() as number, str() as text] if number == 0:
            return Result("sync", _object(text))
        case [float() as number, _] if number > 0:
            return Result("async")
        case _:
            raise JanusError(
                Code.MESSAGE_FAILED,
                "The script's handleMessage has to return a number and a string: less than 0 and why, 0 and a JSON"
                " object, or more than 0 to answer later.",
            )


def _number(value: object) -> float | None:
    """The number that Lua takes a value for: text that is one counts, a boolean does not."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise JanusError(Code.MESSAGE_FAILED, "The script's handleMessage returned 0 with something that is no object.")
    return value
