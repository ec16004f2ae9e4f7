"""One request on its way, and what was decided about it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aribridge.core.command import Command
from aribridge.core.policy.policy import Decision
from aribridge.core.principal import Principal
from aribridge.protocol.messages import Request
from aribridge.script import Client

ChangedBy = Literal["script", "bridge.as_system", "bridge.reply"]
"""A script wrote another command, for which the client's rights counted or did not, or answered by itself."""


@dataclass(slots=True, eq=False)
class Asked:
    """Who asks for what. ``command`` is what is carried out, as far as that is known yet."""

    client: Client
    principal: Principal
    request: Request
    command: Command | None = None
    decision: Decision | None = None
    changed_by: ChangedBy | None = None
    scripts: list[str] = field(default_factory=list)
    """Those that changed, answered or refused it, in their order."""
    claims: bool = False
    """What it makes was taken for its maker's because of it."""
    only_reads: bool = False
    is_file: bool = False
    """What answers it is a file, which goes another way than replies."""
