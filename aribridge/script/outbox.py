"""What scripts ask for without waiting, by the name that lua/host/runner.lua's ``host.emit`` gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from aribridge.core.trace import note
from aribridge.protocol.problems import Problem
from aribridge.script.clients import Clients
from aribridge.script.deeds import begin
from aribridge.script.host import Asterisks
from aribridge.script.tasks import Tasks
from aribridge.script.timers import Timers

log = structlog.get_logger("aribridge.script")

_LATER = frozenset({"after", "every", "spawn"})
"""What has something done later on."""


class Outbox:
    """Does what one script asks for."""

    def __init__(self, script: str, clients: Clients, timers: Timers, tasks: Tasks, asterisks: Asterisks) -> None:
        self._script = Path(script).name
        self._log = log.bind(script=script)
        self._clients = clients
        self._asterisks = asterisks
        self._actions: dict[str, Callable[..., None]] = {
            "log": self._write,
            "send": self._send,
            "publish": self._publish,
            "after": lambda number, milliseconds: timers.start(number, milliseconds / 1000),
            "every": lambda number, milliseconds: timers.repeat(number, milliseconds / 1000),
            "cancel": timers.cancel,
            "spawn": tasks.spawn,
            "cancel_tasks": tasks.cancel,
        }

    def handle(self, request: list[Any]) -> None:
        """Do one thing: its name is the first item."""
        name, *arguments = request
        if name in _LATER:
            begin()
        self._actions[name](*arguments)

    def _write(self, level: str, text: str, fields: Any) -> None:
        if not isinstance(fields, dict):  # an array, or null
            fields = {"value": fields}
        getattr(self._log, level)("script.log", text=text, fields=fields)
        about = "".join(f" {name}={value}" for name, value in fields.items())
        note("log", f"{self._script} {level}: {text}{about}")

    def _send(self, client_id: str, data: Any) -> None:
        # A client may be gone by the time a script writes to it: as with any network, that is no error.
        if client := self._clients.get(client_id):
            try:
                client.send_message(data)
            except Problem as problem:
                self._log.error("script.send_failed", connection=client_id, code=problem.code, error=problem.detail)

    def _publish(self, target: str | None, event: dict[str, Any]) -> None:
        try:
            self._asterisks.publish(target, event)
        except Problem as problem:
            self._log.error("script.publish_failed", type=event["type"], code=problem.code, error=problem.detail)
