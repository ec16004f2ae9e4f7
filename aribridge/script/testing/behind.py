"""What stands behind a test: an Asterisk in memory, a recorded one, a real one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol


class Unanswered(Exception):
    """This Asterisk has no answer to an operation; the test has to give one."""


class Behind(Protocol):
    """An Asterisk, with the phones that a test uses. Phones are known by the ids of their channels."""

    def operations(self, target: str | None) -> Collection[str]:
        """As of ``script.Asterisks``."""

    async def call(self, target: str, op: str, params: Mapping[str, Any]) -> Any:
        """Carry out an operation; the body. Raises Problem, Unanswered."""

    async def place(self, target: str, about: Mapping[str, Any]) -> str:
        """A phone calls as ``about`` says (T.call); its id. Raises Problem."""

    async def press(self, ident: str, digits: str) -> None:
        """A phone's keys are pressed. Raises Problem, CallFailure, as those below do."""

    async def hang_up(self, ident: str) -> None:
        """A phone hangs up."""

    async def answer(self, ident: str) -> None:
        """A phone that rings is answered."""

    async def refuse(self, ident: str, how: str) -> None:
        """A phone that rings is not answered: ``busy``, ``noanswer``, ``congestion``, ``unavailable``."""

    async def state(self, ident: str) -> Mapping[str, Any] | None:
        """A phone's channel as ARI describes it; None when it has left."""

    async def talks_to(self, ident: str) -> list[str]:
        """The phones that a phone is bridged with."""
