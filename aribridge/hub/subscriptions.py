"""The subscriptions of one connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from aribridge.core.filters import Filter
from aribridge.core.principal import Principal
from aribridge.hub.targets import Targets
from aribridge.protocol.messages import Position, Subscribe
from aribridge.protocol.problems import Problem
from aribridge.stream import Stream, Subscription

READ_EVENTS = "events.eventWebsocket"
"""The ARI operation that stands for receiving events; a token must allow it."""


class Subscriptions:
    """Opens and ends views of streams; ``send`` takes frames for the client."""

    def __init__(self, targets: Targets, send: Callable[[str], None], *, limit: int, max_send: int) -> None:
        self._targets = targets
        self._send = send
        self._limit = limit
        self._max_send = max_send
        self._open: dict[int, tuple[Stream, Subscription]] = {}

    def open(self, principal: Principal, wish: Subscribe, answer: Callable[[dict[str, Any]], None]) -> None:
        """Open a view; ``answer`` gets the reply's body before anything comes on it. Raises Problem."""
        stream = self._check(principal, wish)
        subscription = stream.subscribe(wish.sub, Filter(wish.filter), self._send, self._max_send)
        self._open[wish.sub] = (stream, subscription)
        answer({"sub": wish.sub, **stream.position, "mode": "live"})

    def tell_gap(self, wish: Subscribe) -> None:
        """Tell a resuming client that this version keeps no history: it goes on live from here."""
        if wish.since is None or wish.sub not in self._open:
            return
        stream = self._open[wish.sub][0]
        self._send(stream.gap(wish.sub, _was(wish.since), "history_expired"))

    def close(self, sub: int) -> None:
        """End one view. Raises Problem ``unknown_subscription``."""
        if sub not in self._open:
            raise Problem("unknown_subscription", f"This connection has no subscription {sub}.")
        stream, subscription = self._open.pop(sub)
        stream.unsubscribe(subscription)

    def close_all(self) -> None:
        """End every view."""
        for sub in tuple(self._open):
            self.close(sub)

    def positions(self) -> dict[str, Any]:
        """Where each view stands, for a ping: nothing that passes its filter is missing up to there."""
        return {str(sub): stream.bring_up(subscription) for sub, (stream, subscription) in self._open.items()}

    def _check(self, principal: Principal, wish: Subscribe) -> Stream:
        if not principal.may(READ_EVENTS):
            detail = f"The token does not allow events; it takes a token whose ops claim matches {READ_EVENTS}."
            raise Problem("forbidden", detail)
        if wish.mode == "state" or wish.snapshot == "always":
            raise Problem("not_implemented", "subscribe: mode state and snapshots are not available in this version.")
        if wish.sub in self._open:
            raise Problem(
                "duplicate_subscription", f"The subscription {wish.sub} is open already; take a fresh number."
            )
        if len(self._open) >= self._limit:
            detail = f"{self._limit} subscriptions are open, which is the limit (limits.subscriptions)."
            raise Problem("too_many_requests", detail)
        return self._targets.pick(wish.target).stream


def read_subscribe(body: dict[str, Any]) -> Subscribe:
    """Read a subscribe body out of a hello. Raises Problem ``bad_message``."""
    try:
        return msgspec.convert({"id": 0, **body, "type": "subscribe"}, Subscribe)
    except msgspec.ValidationError as error:
        raise Problem("bad_message", f"subs: {error}.") from None


def _was(position: Position) -> dict[str, Any]:
    return {"epoch": position.epoch, "seq": position.seq}
