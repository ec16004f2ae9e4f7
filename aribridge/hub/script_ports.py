"""What scripts reach Asterisk by: the same catalogue and link as clients' commands, without a client's policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from aribridge.ari import body_of
from aribridge.core.command import Command
from aribridge.hub import tracing
from aribridge.hub.targets import Target, Targets
from aribridge.script.deeds import deed
from aribridge.script.flows import Flows


class ScriptAsterisks:
    """A ``script.Asterisks``: scripts are the admin's own and may do what the gateway may."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._flows: Flows | None = None

    def attend(self, flows: Flows) -> None:
        """Tell the owners of calls of every command from now on."""
        self._flows = flows

    def operations(self, target: str | None) -> Collection[str]:
        """Ids of the operations that the connected Asterisk has; empty before it was ever reached."""
        catalogue = self._targets.pick(target).link.catalogue
        return [operation.id for operation in catalogue] if catalogue is not None else ()

    async def call(self, target: str | None, op: str, params: Mapping[str, Any]) -> Any:
        """Call an operation by id; return the decoded body. Raises Problem, for Asterisk's refusals too.

        ``flow`` among the parameters is not Asterisk's: the channel that is made goes to ``on_call``.
        """
        picked = self._targets.pick(target)
        given = {name: value for name, value in params.items() if name != "flow"}
        return await self._send(picked, Command(picked.name, op, given), flow=bool(params.get("flow")))

    async def request(self, target: str | None, method: str, path: str, query: Any, body: Any) -> Any:
        """Call an operation by method and path."""
        picked = self._targets.pick(target)
        return await self._send(picked, picked.link.resolve(method, path, query, body))

    def publish(self, target: str | None, event: Mapping[str, Any]) -> None:
        """Put a script's event into the target's stream. Raises Problem."""
        self._targets.pick(target).feed.publish(event)

    def own(self, target: str, channel: str, script: str | None) -> None:
        """Show in the target's call state whose a call is."""
        self._targets.pick(target).feed.own(channel, script)

    async def _send(self, target: Target, command: Command, *, flow: bool = False) -> Any:
        if target.link.only_reads(command):
            return await self._carry_out(target, command, flow=flow)
        with deed():
            return await self._carry_out(target, command, flow=flow)

    async def _carry_out(self, target: Target, command: Command, *, flow: bool) -> Any:
        if self._flows is not None:
            command = self._flows.outgoing(command, by="script", flow=flow)
        answer = await tracing.call(target, command, tracing.SCRIPT)
        if answer.status >= 400 and self._flows is not None:
            self._flows.refused(command)
        return body_of(command, answer)
