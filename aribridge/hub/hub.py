"""All connections: lets them in, owns their tasks, sends them away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from aribridge.core.instance import Instance
from aribridge.core.principal import Principal
from aribridge.core.settings import LimitSettings
from aribridge.hub.access import Access
from aribridge.hub.commands import CommandPath
from aribridge.hub.connection import Connection
from aribridge.hub.keyed import KeyedCommands
from aribridge.hub.liveness import Row
from aribridge.hub.owners import Owners
from aribridge.hub.parts import HubParts
from aribridge.hub.recordings import Recordings
from aribridge.hub.result import Result
from aribridge.hub.seats import Seats
from aribridge.hub.subscriptions import Subscriptions
from aribridge.hub.targets import Targets
from aribridge.obs import metrics
from aribridge.protocol.messages import Request
from aribridge.script import Client, ScriptHost
from aribridge.stream import Sink
from aribridge.transport.carrier import Carrier

log = structlog.get_logger("aribridge.hub")

_FAREWELL_SECONDS = 5.0
_SPREAD_MS = 2000
_AT_ONCE = 50
"""Goodbyes of a stop in one turn of the event loop: thousands would keep the first from going out for a second."""


class Hub:
    """The gateway's clients."""

    def __init__(
        self,
        limits: LimitSettings,
        targets: Targets,
        access: Access,
        scripts: ScriptHost,
        authenticate: Callable[[str], Principal],
        *,
        server: str,
        instance: Instance,
    ) -> None:
        self._limits = limits
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._draining = False
        self.owners = Owners(targets, instance)
        self.keyed = KeyedCommands(targets, instance)
        self.seats = Seats(limits)
        commands = CommandPath(targets, access, scripts, self.keyed, self.owners, limits.request_seconds)
        self.recordings = Recordings(targets, commands)
        self._parts = HubParts(
            server,
            limits,
            targets,
            access,
            scripts,
            commands,
            self.owners,
            self.seats,
            authenticate,
            self._spawn,
            self._is_draining,
            self._left,
            Row(),
        )

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """All of them, the oldest first."""
        return tuple(self._connections)

    def see(self, target: str, event: Mapping[str, Any]) -> None:
        """Take in an event of Asterisk's, as it came."""
        self.keyed.see(target, event)
        self.owners.see(target, event)

    async def carry_out(self, client: Client, principal: Principal, request: Request) -> Result:
        """Carry out a command of somebody without a connection, as if that was lost right after the answer."""
        self.owners.came(client.id, principal)
        try:
            return await self._parts.commands.run(client, principal, request)
        finally:
            self.owners.left(client.id)

    def look(self, sink: Sink, *, most: int) -> Subscriptions:
        """Make room for one view of somebody without a connection; ``most`` bounds a message in bytes."""
        return Subscriptions(self._parts.targets, self._parts.access, sink, limit=1, max_send=most)

    def accept(
        self,
        carrier: Carrier,
        principal: Principal | None,
        address: str,
        renewed: Callable[[Principal], None] = lambda _: None,
    ) -> Connection:
        """Take in a client from an IP address. The returned receiver is to be fed with what the carrier gets.

        ``renewed`` is told of each fresh token that the client sends.
        """
        connection = Connection(self._parts, carrier, principal, address, renewed)
        self._turn_away(connection, carrier)
        metrics.connections.labels(carrier.kind).inc()
        metrics.connections_opened_total.labels(carrier.kind).inc()
        self._connections[connection] = asyncio.create_task(connection.run(), name=f"connection {connection.id}")
        self._connections[connection].add_done_callback(lambda _: self._forget(connection))
        return connection

    def _turn_away(self, connection: Connection, carrier: Carrier) -> None:
        """Say goodbye at once to a client that cannot be served."""
        if self._draining:
            connection.goodbye("draining", "The gateway is shutting down.", _SPREAD_MS)
        elif len(self._connections) >= self._limits.connections:
            detail = f"{self._limits.connections} connections are open, which is the limit (limits.connections)."
            connection.goodbye("too_many_connections", detail)
        elif not (carrier.ordered and carrier.reliable):
            connection.goodbye("bad_carrier", "The protocol needs an ordered and reliable data channel.")
        else:
            connection.take_seat()

    def rejudge(self) -> None:
        """The policy is another now: what each client may see is judged anew."""
        for connection in tuple(self._connections):
            connection.rejudge()

    def expel(self, is_revoked: Callable[[Principal], bool]) -> int:
        """Say goodbye to everyone whose token was revoked; return how many these are."""
        found = [one for one in self._connections if one.is_admitted and is_revoked(one.principal)]
        for connection in found:
            connection.goodbye("unauthorized", "The token was revoked.")
        return len(found)

    async def drain(self, seconds: float) -> None:
        """Take no more work, finish what is in flight, at most for ``seconds``; then say goodbye to everyone."""
        self._draining = True
        self.owners.drain()
        if self._work:
            await asyncio.wait(self._work, timeout=seconds)
        for number, connection in enumerate(tuple(self._connections), 1):
            connection.goodbye("draining", "The gateway is shutting down.", random.randrange(_SPREAD_MS))  # noqa: S311
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._connections:
            await asyncio.wait(self._connections.values(), timeout=_FAREWELL_SECONDS)
        await self._cancel([*self._connections.values(), *self._work])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start work that outlives its connection: an accepted command is not undone by a client that leaves."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._finished)
        return task

    def _is_draining(self) -> bool:
        return self._draining

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("work.failed", exc_info=task.exception())

    def _left(self, connection: Connection, reason: str) -> None:
        log.info("connection.closed", connection=connection.id, reason=reason)
        if connection in self._connections:
            self._connections[connection].cancel()

    def _forget(self, connection: Connection) -> None:
        if self._connections.pop(connection, None) is not None:
            metrics.connections.labels(connection.kind).dec()

    @staticmethod
    async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
