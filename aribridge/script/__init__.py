"""Lua scripts in the path of commands, events and messages."""

from aribridge.script.calls import Operation
from aribridge.script.chain import ScriptHost
from aribridge.script.errors import ScriptFailure, ScriptLoadError
from aribridge.script.files import read_source
from aribridge.script.host import Asterisks, Client, Reply, SystemCommand

__all__ = [
    "Asterisks",
    "Client",
    "Operation",
    "Reply",
    "ScriptFailure",
    "ScriptHost",
    "ScriptLoadError",
    "SystemCommand",
    "read_source",
]
