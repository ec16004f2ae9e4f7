"""What scripts need from the gateway, and what they answer it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aribridge.core.command import Command
from aribridge.core.principal import Principal


class Client(Protocol):
    """A connection as scripts see it; the same hashable object for the connection's whole life."""

    @property
    def id(self) -> str:
        """Fresh for each connection."""

    @property
    def kind(self) -> str:
        """What carries it: ``websocket`` or ``datachannel``."""

    @property
    def address(self) -> str:
        """The IP address that it comes from; empty for the operator of the gateway."""

    @property
    def principal(self) -> Principal:
        """Who it is, by the newest token."""

    def send_message(self, data: Any) -> None:
        """Send JSON data to the client as a message of a script's; never waits. Raises Problem for too large a one."""


class Asterisks(Protocol):
    """ARI for scripts. No policy applies: scripts are the administrator's own."""

    def operations(self, target: str | None) -> Collection[str]:
        """The operation ids that the target's Asterisk describes; empty before its first connect.

        None is the only target there is. Raises Problem (``target_required``, ``unknown_target``).
        """

    async def call(self, target: str | None, op: str, params: Mapping[str, Any]) -> Any:
        """Carry out an operation by its id; the decoded JSON body, None when there was none. Raises Problem."""

    async def request(
        self, target: str | None, method: str, path: str, query: Mapping[str, Any] | None, body: Any
    ) -> Any:
        """Carry out a request by method and path; as ``call`` otherwise."""

    def publish(self, target: str | None, event: Mapping[str, Any]) -> None:
        """Put an event of a script's own into the target's stream, after what Asterisk sent so far.

        Raises Problem (``target_required``, ``unknown_target``, ``too_many_requests``).
        """

    def own(self, target: str, channel: str, script: str | None) -> None:
        """Show in the target's call state that a script owns the call of a channel; None: it owns it no more."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A script's own answer to a command (``bridge.reply``): an HTTP status and a JSON body."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class SystemCommand:
    """A command that passes although the client's own rights may not cover it (``bridge.as_system``)."""

    command: Command
