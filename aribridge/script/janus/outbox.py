"""What scripts of Janus ask for without waiting (see lua/host/janus.lua)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from aribridge.core.trace import note
from aribridge.script.janus.ports import World

log = structlog.get_logger("aribridge.script")

Action = Callable[..., None]


class JanusOutbox:
    """Does what one script asks for; ``poke`` and ``time`` are the scheduler's and the timers' part."""

    def __init__(self, script: str, world: World, poke: Action, time: Action) -> None:
        self._script = Path(script).name
        self._log = log.bind(script=script)
        self._world = world
        self.actions: dict[str, Action] = {
            "log": self._write,
            "push": lambda session, *rest: world.push(int(session), *rest),
            "relay": self._relay,
            "close_pc": lambda session: world.close_pc(int(session)),
            "end_session": lambda session: world.end_session(int(session)),
            "missing": self._missing,
            "poke": poke,
            "time": time,
        }

    def _write(self, level: str, text: str | bytes, fields: dict[str, Any]) -> None:
        getattr(self._log, level)("script.log", text=_text(text), fields=fields)
        note("log", f"{self._script} {level}: {_text(text)}")

    def _relay(
        self, sessions: list[float], is_text: bool, data: str | bytes, label: str | bytes, protocol: str | bytes
    ) -> None:
        content = _text(data) if is_text else data.encode() if isinstance(data, str) else data
        self._world.relay([int(session) for session in sessions], content, _text(label), _text(protocol))

    def _missing(self, function: str, where: str | None) -> None:
        self._log.warning(
            "script.not_available",
            function=function,
            where=where,
            detail="this gateway carries no audio and video; the call returns -1, as in Janus when it fails",
        )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
