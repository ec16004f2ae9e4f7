"""``aribridge.plugin.ari``: the aribridge protocol on the data channels of a handle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aribridge.core.principal import Principal
from aribridge.janus.jsep import Jsep
from aribridge.janus.plugin import HandleContext, PluginInfo, Result
from aribridge.janus.ports import Channel
from aribridge.transport.carrier import Carrier, Receiver

MAX_LABEL = 64

WRONG_ELEMENT = 413
UNKNOWN_REQUEST = 415
NO_JSEP = 417


class Hub(Protocol):
    """Where connections of the aribridge protocol begin."""

    def accept(
        self, carrier: Carrier, principal: Principal, address: str, renewed: Callable[[Principal], None]
    ) -> Receiver:
        """Serve the protocol to an authenticated client; returns who takes what it sends. May raise Problem.

        ``renewed`` is told of each fresh token.
        """


class AriPlugin:
    """Each data channel of a handle, whatever its label, is a connection of its own and gets its own replies."""

    info = PluginInfo("aribridge.plugin.ari", "ARI commands and call events on data channels")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def attach(self, context: HandleContext) -> _AriHandle:
        """Make a handle."""
        return _AriHandle(self._hub, context)


class _AriHandle:
    def __init__(self, hub: Hub, context: HandleContext) -> None:
        self._hub = hub
        self._context = context

    async def message(self, body: Mapping[str, Any], jsep: Jsep | None, transaction: str) -> Result:
        """``connect`` with an offer, ``setup`` to get one, ``ack`` with the answer to it; an SDP alone will do."""
        request = body.get("request", _implied(jsep))
        match request:
            case "connect" | "ack":
                return await self._negotiate(str(request), jsep)
            case "setup":
                return await self._setup(body.get("label"))
            case _:
                return _error(UNKNOWN_REQUEST, f"Unknown request {str(request)[:40]!r}; known are connect, setup, ack.")

    def connected(self) -> None:
        """Nothing to do: what counts is the channels."""

    def channel(self, channel: Channel) -> Receiver:
        """Serve the protocol on a channel."""
        return self._hub.accept(channel, self._context.principal, self._context.address, self._context.renew)

    def hangup(self, reason: str) -> None:
        """Nothing to do: the connections on the channels have heard that these closed."""

    def detach(self) -> None:
        """Nothing to do: hangup came before."""

    async def _negotiate(self, request: str, jsep: Jsep | None) -> Result:
        wanted = "offer" if request == "connect" else "answer"
        if jsep is None or jsep.type != wanted:
            return _error(NO_JSEP, f"{request} needs a jsep of type {wanted}.")
        return _event("ok", await self._context.negotiate(jsep))

    async def _setup(self, label: object) -> Result:
        if label is not None and not (isinstance(label, str) and label.isascii() and len(label) <= MAX_LABEL):
            return _error(WRONG_ELEMENT, f"label must be a string of at most {MAX_LABEL} ASCII characters.")
        return _event("offer", await self._context.offer(label))


def _implied(jsep: Jsep | None) -> str | None:
    if jsep is None:
        return None
    return "connect" if jsep.type == "offer" else "ack"


def _event(result: str, jsep: Jsep | None) -> Result:
    return Result("async", {"ari": "event", "result": result}, jsep)


def _error(code: int, error: str) -> Result:
    return Result("async", {"ari": "event", "error_code": code, "error": error})
