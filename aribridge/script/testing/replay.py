"""A recorded Asterisk: sends what it sent, at the same times, and answers what it was asked, as it answered then.

Ids that the gateway chose differ from run to run. Each is known again by the command that first names it, and written
as it is now into whatever follows.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec

from aribridge.core.instance import NAMED
from aribridge.obs.redact import redact
from aribridge.protocol.problems import KINDS, Problem
from aribridge.script.errors import CallFailure
from aribridge.script.flows.made import naming_parameter
from aribridge.script.recording import Recording
from aribridge.script.recording.masks import DIGIT, masked_params
from aribridge.script.recording.reader import Line
from aribridge.script.testing.asterisks import TARGET
from aribridge.script.testing.simulated.world import Sink

_PATIENCE_SECONDS = 2.0
"""How much later than recorded a command may come."""
_LOOK_SECONDS = 0.05
_CHOSEN = re.compile(rf"(f_[0-9a-f]{{16}}(-[a-z]\d+)?|{NAMED}[0-9a-f]{{8}}-\w+)")


class Diverged(Exception):
    """The script does not do what it did; the text says where."""


class Replay:
    """``digits`` are those that the recording leaves out, in their order; ``fault`` is told what it has no answer to."""

    def __init__(self, recording: Recording, sink: Sink, digits: str, fault: Callable[[str], None]) -> None:
        self.calls: list[str] = []
        self._recording = recording
        self._sink = sink
        self._digits = iter(digits)
        self._ids: dict[str, str] = {}
        self._fault = fault
        self._ahead = [line for line in recording.lines if line.command]
        self._answers = {line.answer: line for line in recording.lines if line.answer}
        self._waiting: dict[int, asyncio.Future[Line]] = {}
        self._task = asyncio.create_task(self._play())

    async def finish(self) -> None:
        """Return when everything has been replayed. Raises Diverged."""
        await asyncio.wait([self._task])
        self._task.result()

    async def close(self) -> None:
        """Stop it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def fault(self) -> str:
        """How the script diverged so far; empty when it did not."""
        failed = self._task.done() and not self._task.cancelled() and self._task.exception()
        return str(failed) if failed else ""

    # --- ARI

    def operations(self, target: str | None) -> Collection[str]:
        """Return none: what was not recorded is said to be so."""
        return ()

    async def call(self, target: str, op: str, params: Mapping[str, Any]) -> Any:
        """Answer as the same command was answered. Raises Problem."""
        line = self._take(target, op, params)
        if line is None:
            text = f"{self._recording.path.name} has no {op} {_shown(masked_params(op, params))}{self._next()}"
            self._fault(text)
            raise Problem("unsupported", text)
        future = self._waiting.setdefault(line.command, asyncio.get_running_loop().create_future())
        answer = await future
        if answer.error is None:
            return self._written(answer.body)
        raise _problem(answer.error)

    def _take(self, target: str, op: str, params: Mapping[str, Any]) -> Line | None:
        """The first recorded command that this one may be."""
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

    def _note_made(self, line: Line, made: Any) -> None:
        """The channel that a command makes has another id now, if the gateway chose it."""
        answer = self._answers.get(line.command)
        if made is not None and answer is not None and isinstance(answer.body, dict):
            self._ids[str(answer.body.get("id"))] = str(made)

    def _same(self, recorded: Any, now: Any) -> dict[str, str] | None:
        """Which ids are which when both are the same; None when they are not."""
        pairs = list(_pairs(recorded, now))
        found: dict[str, str] = {}
        for old, new in pairs:
            known = self._ids.get(old, found.get(old)) if isinstance(old, str) else None
            if old == new or (known is not None and known == new):
                continue
            if known is None and isinstance(old, str) and isinstance(new, str) and _alike(old, new):
                found[old] = new
                continue
            return None
        return found

    def _next(self) -> str:
        if not self._ahead:
            return ", nor any other command from here on"
        line = self._ahead[0]
        return f"; what comes next, in line {line.number}, is {line.op} {_shown(line.params)}"

    # --- playing

    async def _play(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        for line in self._recording.lines:
            await asyncio.sleep(began + line.at - clock())
            if line.event is not None:
                await self._until_sent(line)
                self._tell(line.target or TARGET, self._written(line.event))
            elif line.answer:
                await self._until_asked(line)
                self._waiting[line.answer].set_result(line)
            # What this leads to comes before the next line.
            await asyncio.sleep(0)
        await self._until_sent(None)

    async def _until_sent(self, line: Line | None) -> None:
        """Every command that was sent before this line is sent now, too. Raises Diverged."""
        left = _PATIENCE_SECONDS
        while late := self._late(line):
            if left <= 0:
                where = f"{self._recording.path.name}:{late.number}"
                raise Diverged(f"{where}: the script does not send {late.op} {_shown(late.params)}, as it did then")
            left -= _LOOK_SECONDS
            await asyncio.sleep(_LOOK_SECONDS)

    def _late(self, line: Line | None) -> Line | None:
        ahead = self._ahead[0] if self._ahead else None
        return ahead if ahead and (line is None or ahead.number < line.number) else None

    async def _until_asked(self, line: Line) -> None:
        left = _PATIENCE_SECONDS
        while line.answer not in self._waiting:
            if left <= 0:
                await self._until_sent(line)
                where = f"{self._recording.path.name}:{line.number}"
                raise Diverged(f"{where}: answers no command of the recording")
            left -= _LOOK_SECONDS
            await asyncio.sleep(_LOOK_SECONDS)

    def _tell(self, target: str, event: dict[str, Any]) -> None:
        if event.get("digit") == DIGIT:
            event["digit"] = next(self._digits, None)
            if event["digit"] is None:
                hint = 'T.replay(file, {digits = "1234"}) gives what was pressed'
                raise Diverged(f"{self._recording.path.name} leaves digits out: {hint}")
        if event.get("type") == "StasisStart" and event["channel"]["id"] not in self._ids.values():
            self.calls.append(event["channel"]["id"])
        self._sink(target, event)

    def _written(self, value: Any) -> Any:
        """A recorded value with the ids of now."""
        if not self._ids:
            return value
        text = msgspec.json.encode(value).decode()
        return msgspec.json.decode(_CHOSEN.sub(lambda found: self._ids.get(found[0], found[0]), text))

    # --- phones, which do what they did

    async def place(self, target: str, about: Mapping[str, Any]) -> str:
        """Nobody calls but those who did. Raises CallFailure, as those below do."""
        raise _no_phones()

    async def press(self, ident: str, digits: str) -> None:
        """Nobody presses anything."""
        raise _no_phones()

    async def hang_up(self, ident: str) -> None:
        """Nobody hangs up."""
        raise _no_phones()

    async def answer(self, ident: str) -> None:
        """Nobody answers."""
        raise _no_phones()

    async def refuse(self, ident: str, how: str) -> None:
        """Nobody refuses."""
        raise _no_phones()

    async def state(self, ident: str) -> Mapping[str, Any] | None:
        """Nothing is known but what was told."""
        raise _no_phones()

    async def talks_to(self, ident: str) -> list[str]:
        """Nothing is known but what was told."""
        raise _no_phones()


def _no_phones() -> CallFailure:
    return CallFailure("bad_parameter", "in a recording phones do what they did; use T.call in a test without T.replay")


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
    elif isinstance(recorded, list) and isinstance(now, list | tuple) and len(recorded) == len(now):
        for one, other in zip(recorded, now, strict=True):
            yield from _pairs(one, other)
    else:
        yield recorded, now


def _alike(old: str, new: str) -> bool:
    """Whether both are the same but for ids that the gateway chose, of which each has one."""
    return bool(_CHOSEN.fullmatch(old) and _CHOSEN.fullmatch(new))


def _shown(params: Mapping[str, Any]) -> str:
    return msgspec.json.encode(params).decode()[:200]


def _problem(error: Mapping[str, Any]) -> Problem:
    code = error["code"] if error.get("code") in KINDS else "asterisk_error"
    source, outcome = error.get("source", "asterisk"), error.get("outcome", "not_applied")
    return Problem(code, str(error.get("detail")), status=error.get("status"), source=source, outcome=outcome)
