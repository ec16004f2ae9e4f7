"""The clients of a run: they follow one subscription, come back after every end, and write down what they were told."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from faults.journal import Away, Gap, Got, Journal, Position, Start, position
from faults.wires import WireClosed, data_channel, websocket
from models.streams import Follower

PAUSE = 0.5
AWAY = 3.0
"""Most seconds before another try, and before a wanderer comes back."""
DAWDLE = 0.1
"""Seconds between what a slow client reads."""
SILENCE = 25.0
"""Longer than the gateway's pings are apart: the other side is dead."""
USER_EVENTS = "ChannelUserevent"


@dataclass
class Wish:
    """What a client is: door (`ws`, `rtc`), mode, filter, and habit (`steady`, `slow`, `wanders`)."""

    door: str
    mode: str = "events"
    filter: dict[str, list[str]] = field(default_factory=dict)
    habit: str = "steady"


class FaultClient(Follower):
    """Runs until cancelled; without its habit once `habits_on` is false, for the run to come to rest."""

    def __init__(self, name: str, wish: Wish, gateway, relay, seed: int, told: dict[Position, Any]) -> None:
        super().__init__()
        self.wish, self.gateway, self.relay = wish, gateway, relay
        # Of the state, a client is told no events.
        selects = wish.filter if wish.mode == "events" else {"type": []}
        self.journal = Journal(name, selects, door=wish.door, steady=wish.habit == "steady")
        self.random = Random(seed)
        self.habits_on = True
        self.told = told
        self.markers: dict[str, Position] = {}

    @property
    def is_current(self) -> bool:
        """Whether it has a whole state, or follows events."""
        return self.position is not None and not self.page and not self.waits

    @property
    def wanders(self) -> bool:
        return self.wish.habit == "wanders" and self.habits_on

    def stands_at(self, place: Position) -> bool:
        """Whether it has all up to a place of the epoch of these days."""
        here = self.position
        return self.is_current and here["epoch"] == place[0] and here["seq"] >= place[1]

    async def run(self) -> None:
        while True:
            try:
                await self._visit()
            except WireClosed as closed:
                why = str(closed)
            except TimeoutError:
                why = "silence"
            except AssertionError as broken:
                why = f"broken: {broken or 'chain'} at {self.position}"
                self.journal.broken.append(why)
            self._write(Away(why, time.monotonic()))
            await asyncio.sleep(self.random.uniform(0.05, AWAY if self.wanders else PAUSE))

    async def _visit(self) -> None:
        leaves = self.random.uniform(1, 6) if self.wanders else None
        async with self._wire() as wire:
            await wire.send(self._hello())
            try:
                async with asyncio.timeout(leaves) as visit:
                    await self._listen(wire)
            except TimeoutError:
                if not visit.expired():
                    raise
                raise WireClosed("wanders off") from None

    def _wire(self):
        if self.wish.door == "ws":
            return websocket(self.gateway, is_narrow=self.wish.habit == "slow")
        return data_channel(self.gateway, self.relay)

    async def _listen(self, wire) -> None:
        while True:
            async with asyncio.timeout(SILENCE):
                text = await wire.receive()
            messages = json.loads(text)
            for message in messages if isinstance(messages, list) else [messages]:
                await self._heard(message, wire)
            if self.wish.habit == "slow" and self.habits_on:
                await asyncio.sleep(DAWDLE)

    def _hello(self) -> dict[str, Any]:
        sub: dict[str, Any] = {"sub": 1, "mode": self.wish.mode, "filter": self.wish.filter}
        if self.position is not None and not self.page:
            sub["since"] = {"epoch": self.position["epoch"], "seq": self.position["seq"]}
        features = [] if self.wish.habit == "slow" else ["batch"]
        hello = {"type": "hello", "id": 1, "features": features, "subs": [sub]}
        return hello | ({"token": self.gateway.token()} if self.wish.door == "ws" else {})

    async def _heard(self, message, wire) -> None:
        match message["type"]:
            case "welcome":
                self._welcomed(message["subs"][0])
            case "ping":
                self._brought_up(message.get("pos", {}).get("1"))
                await wire.send({"type": "pong", "t": message["t"]})
            case "goodbye":
                raise WireClosed(f"goodbye {message['slug']}")
            case _:
                self.take(message)

    def _welcomed(self, result) -> None:
        assert result["status"] == 200, result
        body = result["body"]
        stood = None if self.page else self.position
        assert stood is None or stood == {"epoch": body["epoch"], "seq": body["seq"]}, body
        if stood is None:
            self._write(Start(position(body), time.monotonic()))
        self.begin(body)

    def _brought_up(self, pos) -> None:
        if pos is not None:
            assert pos["epoch"] == self.position["epoch"], pos
            assert pos["seq"] >= self.position["seq"], pos
            self.position = pos

    def take_gap(self, message) -> None:
        was, stood = message["was"], self.position
        assert self.page or (was["epoch"] == stood["epoch"] and was["seq"] >= stood["seq"]), message
        super().take_gap(message)
        self._write(Gap(position(message["was"]), position(message["now"]), message["reason"], time.monotonic()))

    def take_event(self, message) -> None:
        self.follow(message)
        event = message["data"]
        if event["type"] == USER_EVENTS:
            self.markers[event["eventname"]] = position(message)
        # One object for all clients that were told the same: a long run has millions.
        known = self.told.setdefault(position(message), event)
        self._write(Got(position(message), known if known == event else event, time.monotonic()))

    def _write(self, entry) -> None:
        self.journal.entries.append(entry)


FILTERS = (
    {},
    {"type": ["Stasis*", "ChannelDestroyed", USER_EVENTS]},
    {"channel": ["call-*[05]", "call-*[05]-2"]},
    {"type": ["Bridge*", "Channel*Bridge", "ChannelStateChange", USER_EVENTS]},
    {"bridge": ["room-*"]},
    {"type": ["ChannelCreated", "ChannelDestroyed", "Dial"], "channel": ["call-*2"]},
)
"""Every sixth client gets everything."""
CHANNEL_FILTERS = (
    {},
    {"type": ["StasisStart", "ChannelDestroyed", USER_EVENTS]},
    {"channel": ["call-*7", "call-*7-2"]},
    {"type": ["ChannelStateChange", USER_EVENTS]},
    {"bridge": ["room-*5"]},
    {"type": ["ChannelCreated", "ChannelDestroyed"], "channel": ["call-*[1-3]"]},
)
"""Of data channels: here Python carries them, on a share of two processors."""


DATA_CHANNELS, STATES, WANDERERS = (1, 2, 7), (4, 9), (3, 7)
"""Which of ten."""


def crowd(size: int) -> list[Wish]:
    """The clients of a run: data channels and WebSockets, events and state; two slow, one in five wanders."""
    # Everything goes to those that read slowly, or they would keep up.
    return [Wish("ws", habit="slow")] * 2 + [wish(number) for number in range(size - 2)]


def wish(number: int) -> Wish:
    kind, is_state = number % 10, number % 10 in STATES or number == 12
    return Wish(
        door="rtc" if kind in DATA_CHANNELS else "ws",
        mode="state" if is_state else "events",
        filter={} if is_state else (CHANNEL_FILTERS if kind in DATA_CHANNELS else FILTERS)[number % len(FILTERS)],
        habit="wanders" if kind in WANDERERS else "steady",
    )
