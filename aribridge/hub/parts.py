"""What every connection shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aribridge.core.principal import Principal
from aribridge.core.settings import LimitSettings
from aribridge.hub.access import Access
from aribridge.hub.commands import CommandPath
from aribridge.hub.liveness import Row
from aribridge.hub.owners import Owners
from aribridge.hub.seats import Seats
from aribridge.hub.targets import Targets
from aribridge.script import ScriptHost

if TYPE_CHECKING:
    from aribridge.hub.connection import Connection


class Spawn(Protocol):
    """Starts a task that the hub owns."""

    def __call__(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start it; it outlives the connection that asked for it."""


@dataclass(frozen=True, slots=True)
class HubParts:
    """The gateway as one connection sees it. ``authenticate`` turns a token into a principal or raises Problem."""

    server: str
    limits: LimitSettings
    targets: Targets
    access: Access
    scripts: ScriptHost
    commands: CommandPath
    owners: Owners
    seats: Seats
    authenticate: Callable[[str], Principal]
    spawn: Spawn
    draining: Callable[[], bool]
    left: Callable[[Connection, str], None]
    expiring: Row
