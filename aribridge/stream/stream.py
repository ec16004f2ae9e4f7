"""The stream of one target: numbers its events and hands them to subscriptions.

Positions are (epoch, seq). An epoch lasts while continuity is certain; when it breaks, every subscriber is told by a
``gap``. A later version keeps history; until then a resume is answered by a gap.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aribridge.core.events import StreamEvent
from aribridge.core.filters import Filter
from aribridge.protocol import encode

Send = Callable[[str], None]


@dataclass(slots=True, eq=False)
class Subscription:
    """One client's filtered view; ``prev`` is the last seq that the client was brought up to."""

    sub: int
    filter: Filter
    send: Send
    most: int
    prev: int


class Stream:
    """The ordered log of what one target's clients are told."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.epoch = _new_epoch()
        self.head = 0
        self._subscriptions: set[Subscription] = set()

    @property
    def position(self) -> dict[str, Any]:
        """The newest position, as messages carry it."""
        return {"epoch": self.epoch, "seq": self.head}

    def subscribe(self, sub: int, filter_: Filter, send: Send, most: int) -> Subscription:
        """Start a live view from the present head; ``most`` bounds one message in bytes."""
        subscription = Subscription(sub, filter_, send, most, self.head)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a view."""
        self._subscriptions.discard(subscription)

    def append(self, event: StreamEvent) -> None:
        """Number an event and send it to every subscription whose filter passes it."""
        self.head += 1
        tail = encode.event_tail(self.epoch, self.head, event.text)
        for subscription in tuple(self._subscriptions):
            if subscription.filter.passes(event.labels):
                self._deliver(subscription, tail)

    def bring_up(self, subscription: Subscription) -> dict[str, Any]:
        """Bring a subscription up to the head, since nothing that passes its filter is outstanding."""
        subscription.prev = self.head
        return self.position

    def break_off(self, following: str) -> None:
        """Events of the target are lost from here: a new epoch, and a gap for everyone.

        ``following`` is what comes next: "wait" while the target is away, "live" when it is back.
        """
        was = self.position
        self.epoch, self.head = _new_epoch(), 0
        for subscription in tuple(self._subscriptions):
            subscription.prev = 0
            subscription.send(self.gap(subscription.sub, was, "upstream_lost", following))

    def gap(self, sub: int, was: dict[str, Any], reason: str, following: str = "live") -> str:
        """Tell a subscriber that it missed something, why, and where it goes on."""
        now = self.position
        return encode.encode({"type": "gap", "sub": sub, "was": was, "now": now, "reason": reason, "next": following})

    def _deliver(self, subscription: Subscription, tail: str) -> None:
        frame = encode.event(subscription.sub, subscription.prev, tail)
        if _fits(frame, subscription.most):
            subscription.send(frame)
        else:
            was = {"epoch": self.epoch, "seq": subscription.prev}
            subscription.send(self.gap(subscription.sub, was, "event_too_large"))
        subscription.prev = self.head


def _fits(frame: str, most: int) -> bool:
    return len(frame) * 4 <= most or len(frame.encode()) <= most


def _new_epoch() -> str:
    return secrets.token_hex(4)
