"""The commands of a recording, and which of them a script sends again.

Ids that the gateway chose differ from run to run. Each is known again by the command that first names it, and written
as it is now into whatever follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from aribridge.core.instance import NAMED
from aribridge.core.making import naming_parameter
from aribridge.obs.redact import redact
from aribridge.script.recording import Recording
from aribridge.script.recording.masks import masked_params
from aribridge.script.recording.reader import Line
from aribridge.script.testing.asterisks import TARGET

_CHOSEN = re.compile(rf"{NAMED}[0-9a-f]{{8}}-\w+(-[0-9a-f]{{16}}(-[a-z]\d+)?)?")
_LONGEST = 200


class RecordedCommands:
    """Those that the script has not sent yet."""

    def __init__(self, recording: Recording) -> None:
        self._name = recording.path.name
        self._ahead = [line for line in recording.lines if line.command]
        self._answers = {line.answer: line for line in recording.lines if line.answer}
        self._ids: dict[str, str] = {}

    def take(self, target: str, op: str, params: Mapping[str, Any]) -> Line | None:
        """The first that this command may be; None when there is none."""
        for line in self._ahead:
            if (line.target or TARGET, line.op) != (target, redact(op)):
                continue
            made, rest = _apart(line, params)
            recorded = {name: value for name, value in line.params.items() if name != "flow"}
            if (found := self._same(recorded, masked_params(op, rest))) is not None:
                self._ids.update(found)
                self._note_made(line, made)
                self._ahead.remove(line)
                return line
        return None

    def late(self, line: Line | None) -> str:
        """What the script has not sent that it had sent before this line, None being the end; empty: nothing."""
        ahead = self._ahead[0] if self._ahead else None
        if ahead is None or (line is not None and line.number < ahead.number):
            return ""
        return f"{self._name}:{ahead.number}: the script does not send {_shown(ahead)}, as it did then"

    def unknown(self, op: str, params: Mapping[str, Any]) -> str:
        """What to say of a command that is not recorded."""
        what = f"{self._name} has no {_shown(Line(op=op, params=masked_params(op, params)))}"
        if not self._ahead:
            return f"{what}, nor any other command from here on"
        return f"{what}; what comes next, in line {self._ahead[0].number}, is {_shown(self._ahead[0])}"

    def chosen(self, ident: str) -> bool:
        """Whether an id of now is one of those that the gateway chose."""
        return ident in self._ids.values()

    def written(self, value: Any) -> Any:
        """A recorded value with the ids of now."""
        if not self._ids:
            return value
        text = msgspec.json.encode(value).decode()
        return msgspec.json.decode(_CHOSEN.sub(lambda found: self._ids.get(found[0], found[0]), text))

    def _note_made(self, line: Line, made: Any) -> None:
        """The channel that a command makes has another id now, if the gateway chose it."""
        answer = self._answers.get(line.command)
        if made is not None and answer is not None and isinstance(answer.body, dict):
            self._ids[str(answer.body.get("id"))] = str(made)

    def _same(self, recorded: Any, now: Any) -> dict[str, str] | None:
        """Which ids are which when both are the same; None when they are not."""
        found: dict[str, str] = {}
        for old, new in _pairs(recorded, now):
            if old == new:
                continue
            if not (isinstance(old, str) and isinstance(new, str)):
                return None
            known = self._ids.get(old, found.get(old))
            if known is None and _CHOSEN.fullmatch(old) and _CHOSEN.fullmatch(new):
                found[old] = new
            elif known != new:
                return None
        return found


def _apart(line: Line, params: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The id that the gateway chose for what a command makes, None when the script chose it; the other parameters."""
    rest = dict(params)
    naming = naming_parameter(line.op)
    made = rest.pop(naming, None) if naming and naming not in line.params else None
    return made, rest


def _pairs(recorded: Any, now: Any) -> Iterator[tuple[Any, Any]]:
    """The values of two structures side by side; a pair that is not the same where the structures differ."""
    if isinstance(recorded, dict) and isinstance(now, dict) and recorded.keys() == now.keys():
        for key, value in recorded.items():
            yield from _pairs(value, now[key])
    elif isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        for one, other in zip(recorded, now, strict=True):
            yield from _pairs(one, other)
    else:
        yield recorded, now


def _shown(line: Line) -> str:
    return f"{line.op} {msgspec.json.encode(line.params, order='sorted').decode()}"[:_LONGEST]
