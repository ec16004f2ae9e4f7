"""What scripts ask for without waiting: log lines, messages to clients, timers (see lua/host/runner.lua)."""

from __future__ import annotations

from typing import Any

import structlog

from aribridge.script.clients import Clients
from aribridge.script.timers import Timers

log = structlog.get_logger("aribridge.script")


class Outbox:
    """Does what one script asks for."""

    def __init__(self, script: str, clients: Clients, timers: Timers) -> None:
        self._log = log.bind(script=script)
        self._clients = clients
        self._timers = timers

    def handle(self, request: list[Any]) -> None:
        """Do one thing: its name is the first item."""
        match request:
            case ["log", level, text, fields]:
                getattr(self._log, level)("script.log", text=text, fields=fields)
            case ["send", client_id, data]:
                self._send(client_id, data)
            case ["after", number, milliseconds]:
                self._timers.start(number, milliseconds / 1000)
            case ["cancel", number]:
                self._timers.cancel(number)

    def _send(self, client_id: str, data: Any) -> None:
        # A client may be gone by the time a script writes to it: as with any network, that is no error.
        if client := self._clients.get(client_id):
            client.send_message(data)
