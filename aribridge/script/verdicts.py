"""What hooks return, from Lua's form (see lua/host/hooks.lua) to the gateway's."""

from __future__ import annotations

from typing import Any

from aribridge.core.command import Command
from aribridge.protocol.problems import Problem
from aribridge.script.errors import ScriptFailure
from aribridge.script.host import Reply, SystemCommand


def command_verdict(value: Any, command: Command) -> Command | SystemCommand | Reply:
    """What on_command made of the command; the very same object when it changed nothing.

    Raises Problem (``denied``) when it refused, ScriptFailure when it returned no command.
    """
    match value:
        case "same":
            return command
        case ["command", fields]:
            return _command(fields)
        case ["system", fields]:
            return SystemCommand(_command(fields))
        case ["reply", reply]:
            return Reply(reply["status"], reply.get("body"))
        case _:
            raise Problem("denied", value[1], source="script")


def _command(fields: dict[str, Any]) -> Command:
    match fields:
        case {"target": str(target), "op": str(op), "params": dict(params)}:
            return Command(target, op, params)
        case _:
            raise ScriptFailure("on_command returned no command: cmd.op and cmd.target are strings, cmd.params a table")


def event_verdict(value: Any, event: dict[str, Any]) -> dict[str, Any] | None:
    """What on_event made of the event; the very same object when it changed nothing, None to drop it.

    Raises ScriptFailure when it returned no event.
    """
    match value:
        case "same":
            return event
        case "drop":
            return None
        case ["event", {"type": str()} as changed]:
            return dict(changed)
        case _:
            raise ScriptFailure("on_event returned no event: an event is a table with a type")
