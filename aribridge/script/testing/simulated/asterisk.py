"""The simulated Asterisk as tests and the gateway see it: a phone's side, and ARI."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from aribridge.script.clocks import Clock
from aribridge.script.errors import CallFailure
from aribridge.script.testing.behind import Unanswered
from aribridge.script.testing.simulated.bridges import Bridges
from aribridge.script.testing.simulated.channels import CAUSES, Channels
from aribridge.script.testing.simulated.media import Media
from aribridge.script.testing.simulated.world import Channel, Sink, World

Operation = Callable[[str, Mapping[str, Any]], Any]
"""Carries out an operation of ARI on a target; the body."""

_MAKERS = frozenset({"channels.originate", "channels.originateWithId", "channels.create"})
DIGITS = frozenset("0123456789*#ABCD")


class SimulatedAsterisk:
    """Answers what belongs to phones; everything else is for the test to answer, and all of it until there is one."""

    def __init__(self, sink: Sink, wall: Clock) -> None:
        self._world = world = World(sink, wall)
        self._media = Media(world)
        self._bridges = Bridges(world, self._media)
        self._channels = Channels(world)
        self._used = False
        self._operations: dict[str, Operation] = {
            **self._channels.operations,
            **self._media.operations,
            **self._bridges.operations,
        }

    # --- ARI

    def operations(self, target: str | None) -> Collection[str]:
        """Return none: tests answer what they like."""
        return ()

    async def call(self, target: str, op: str, params: Mapping[str, Any]) -> Any:
        """Carry out an operation. Raises Problem as Asterisk refuses, Unanswered for what is not simulated."""
        if op not in self._operations or not (self._used or op in _MAKERS):
            raise Unanswered
        self._used = True
        return self._operations[op](target, params)

    # --- phones

    async def place(self, target: str, about: Mapping[str, Any]) -> str:
        """A phone calls; the id of its channel."""
        self._used = True
        return self._channels.call(target, about).id

    async def press(self, ident: str, digits: str) -> None:
        """Press keys, one after another. Raises CallFailure."""
        if wrong := set(digits) - DIGITS:
            raise CallFailure("bad_parameter", f"phone:press: {min(wrong)!r} is on no phone")
        for digit in digits:
            channel = self._phone("press", ident)
            self._channels.press(channel, digit)
            self._media.pressed(channel, digit)

    async def hang_up(self, ident: str) -> None:
        """Hang up. Raises CallFailure."""
        self._channels.hang_up(self._phone("hangup", ident))

    async def answer(self, ident: str) -> None:
        """Answer a phone that rings. Raises CallFailure."""
        self._channels.answer(self._ringing("answer", ident))

    async def refuse(self, ident: str, how: str) -> None:
        """Do not answer. Raises CallFailure."""
        if how not in CAUSES:
            raise CallFailure("bad_parameter", f"phone:refuse takes one of {', '.join(CAUSES)}")
        self._channels.refuse(self._ringing("refuse", ident), how)

    async def state(self, ident: str) -> dict[str, Any] | None:
        """Its channel as ARI describes it; None when it is in the application no more."""
        channel = self._world.channels.get(ident)
        return None if channel is None else channel.to_json()

    async def talks_to(self, ident: str) -> list[str]:
        """The channels that it is bridged with."""
        return self._bridges.together_with(ident)

    def _phone(self, verb: str, ident: str) -> Channel:
        channel = self._world.channels.get(ident)
        if channel is None:
            raise CallFailure("no_such_call", f"phone:{verb}: the call of this phone is over")
        return channel

    def _ringing(self, verb: str, ident: str) -> Channel:
        channel = self._phone(verb, ident)
        if channel.ringing is None or channel.state == "Up":
            raise CallFailure("bad_parameter", f"phone:{verb}: this phone does not ring, its state is {channel.state}")
        return channel
