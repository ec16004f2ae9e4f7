"""The subscriptions of one connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from aribridge.core.principal import Principal
from aribridge.hub.access import Access
from aribridge.hub.costs import cost_of_filter
from aribridge.hub.targets import Targets
from aribridge.protocol.messages import Subscribe
from aribridge.protocol.problems import Problem
from aribridge.stream import Sink, Stream, View

_IN_A_ROW = 32
"""Frames of one view before the next view has its turn."""


class Subscriptions:
    """Opens and ends views of streams; ``sink`` takes frames for the client, who pays for its filters by ``charge``."""

    def __init__(
        self,
        targets: Targets,
        access: Access,
        sink: Sink,
        *,
        limit: int,
        max_send: int,
        charge: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._targets = targets
        self._access = access
        self._sink = sink
        self._limit = limit
        self._max_send = max_send
        self._charge = charge
        self._open: dict[int, tuple[Stream, View]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, principal: Principal, wish: Subscribe) -> dict[str, Any]:
        """Open a view; return the reply's body, to be sent before the event loop goes on. Raises Problem."""
        sight = self._access.sight(principal)
        stream = self._check(wish)
        self._charge(cost_of_filter(wish.filter))
        view, reply = stream.subscribe(wish, self._sink, self._max_send, sight)
        self._open[wish.sub] = (stream, view)
        self._sink.wake()
        return reply

    def open_all(self, principal: Principal, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Open the views that a hello asks for; return one result or error each, for the welcome."""
        return [self._result(principal, body) for body in bodies]

    def rejudge(self, principal: Principal) -> None:
        """What the principal may see has or may have changed."""
        sight = self._access.sight_left(principal)
        for stream, view in self._open.values():
            stream.rejudge(view, sight)

    def close(self, sub: int) -> None:
        """End one view. Raises Problem ``unknown_subscription``."""
        if sub not in self._open:
            raise Problem("unknown_subscription", f"This connection has no subscription {sub}.")
        stream, view = self._open.pop(sub)
        stream.unsubscribe(view)

    def close_all(self) -> None:
        """End every view."""
        for sub in tuple(self._open):
            self.close(sub)

    def fill(self) -> bool:
        """Put what a view has to tell while there is room; return whether any of them is still behind.

        One view, and so much of it: for all of them others would have to wait too long.
        """
        lagging = next((sub for sub, (_, view) in self._open.items() if view.behind), None)
        if lagging is None:
            return False
        self._fill_from(self._open[lagging][1])
        # To the end of the row, so that each has its turn.
        self._open[lagging] = self._open.pop(lagging)
        return any(view.behind for _, view in self._open.values())

    def positions(self) -> dict[str, Any]:
        """Where each view stands, for a ping: nothing that passes its filter is missing up to there."""
        found = ((sub, view.bring_up()) for sub, (_, view) in self._open.items())
        return {str(sub): position for sub, position in found if position is not None}

    def _fill_from(self, view: View) -> None:
        for _ in range(_IN_A_ROW):
            if not self._sink.room or (frame := view.next()) is None:
                return
            self._sink.put(frame)

    def _result(self, principal: Principal, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"status": 200, "body": self.open(principal, _read_subscribe(body))}
        except Problem as problem:
            return {"status": problem.status, "error": problem.to_error()}

    def _check(self, wish: Subscribe) -> Stream:
        if wish.sub in self._open:
            raise Problem(
                "duplicate_subscription", f"The subscription {wish.sub} is open already; take a fresh number."
            )
        if len(self._open) >= self._limit:
            detail = f"{self._limit} subscriptions are open, which is the limit (limits.subscriptions)."
            raise Problem("too_many_requests", detail)
        return self._targets.pick(wish.target).stream


def _read_subscribe(body: dict[str, Any]) -> Subscribe:
    """Read a subscribe body out of a hello. Raises Problem ``bad_message``."""
    try:
        return msgspec.convert({"id": 0, **body, "type": "subscribe"}, Subscribe)
    except msgspec.ValidationError as error:
        raise Problem("bad_message", f"subs: {error}.") from None
