"""A recorded Asterisk: sends what it sent, at the same times, and answers what it was asked, as it answered then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aribridge.protocol.problems import KINDS, Problem
from aribridge.script.errors import CallFailure
from aribridge.script.recording import Recording
from aribridge.script.recording.masks import DIGIT
from aribridge.script.recording.reader import Line
from aribridge.script.testing.asterisks import TARGET
from aribridge.script.testing.recorded import RecordedCommands
from aribridge.script.testing.simulated.world import Sink

_PATIENCE_SECONDS = 2.0
"""How much later than recorded a command may come."""
_LOOK_SECONDS = 0.05


class Diverged(Exception):
    """The script does not do what it did; the text says where."""


class Replay:
    """``digits`` are those that the recording leaves out, in their order."""

    def __init__(self, recording: Recording, sink: Sink, digits: str) -> None:
        self.calls: list[str] = []
        self._recording = recording
        self._name = recording.path.name
        self._sink = sink
        self._digits = iter(digits)
        self._commands = RecordedCommands(recording)
        self._diverged: Diverged | None = None
        self._waiting: dict[int, asyncio.Future[Line]] = {}
        self._task = asyncio.create_task(self._play())

    async def finish(self) -> None:
        """Return when everything has been replayed. Raises Diverged."""
        await asyncio.wait([self._task])
        if self._diverged is not None:
            raise self._diverged

    async def close(self) -> None:
        """Stop it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def fault(self) -> str:
        """How the script diverged so far; empty when it did not."""
        return str(self._diverged or "")

    # --- ARI

    def operations(self, target: str | None) -> Collection[str]:
        """Return none: what was not recorded is said to be so."""
        return ()

    async def call(self, target: str, op: str, params: Mapping[str, Any]) -> Any:
        """Answer as the same command was answered. Raises Problem."""
        line = self._commands.take(target, op, params)
        if line is None:
            text = self._commands.unknown(op, params)
            self._diverged = self._diverged or Diverged(text)
            self._task.cancel()
            raise Problem("unsupported", text)
        answer = await self._answer(line)
        if answer.error is None:
            return self._commands.written(answer.body)
        raise _problem(answer.error)

    async def _answer(self, line: Line) -> Line:
        """What the recording has for a command, when its time has come. Raises Problem."""
        late = Problem("timeout", f"{self._name} ends before {line.op} is answered", outcome="unknown")
        if self._task.done():
            raise late
        future = self._waiting[line.command] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if future.cancelled():
                raise late from None
            raise

    # --- playing

    async def _play(self) -> None:
        try:
            await self._play_lines()
        except Diverged as error:
            self._diverged = error
        finally:
            for future in self._waiting.values():
                future.cancel()

    async def _play_lines(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        for line in self._recording.lines:
            await asyncio.sleep(began + line.at - clock())
            if line.event is not None:
                await self._until_sent(line)
                self._tell(line.target or TARGET, self._commands.written(line.event))
            elif line.answer:
                await self._give(line)
            await asyncio.sleep(0)  # what this leads to comes before the next line
        await self._until_sent(None)

    async def _until_sent(self, line: Line | None) -> None:
        """Every command that was sent before this line is sent now, too. Raises Diverged."""
        if not await _patiently(lambda: not self._commands.late(line)):
            raise Diverged(self._commands.late(line))

    async def _give(self, line: Line) -> None:
        """Answer a command. Raises Diverged when nobody asks."""
        if not await _patiently(lambda: line.answer in self._waiting):
            text = f"{self._name}:{line.number}: answers no command of the recording"
            raise Diverged(self._commands.late(line) or text)
        self._waiting.pop(line.answer).set_result(line)

    def _tell(self, target: str, event: dict[str, Any]) -> None:
        if event.get("digit") == DIGIT:
            event["digit"] = next(self._digits, None)
            if event["digit"] is None:
                hint = 'T.replay(file, {digits = "1234"}) gives what was pressed'
                raise Diverged(f"{self._name} leaves digits out: {hint}")
        if event.get("type") == "StasisStart" and not self._commands.chosen(event["channel"]["id"]):
            self.calls.append(event["channel"]["id"])
        self._sink(target, event)

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


async def _patiently(done: Callable[[], bool]) -> bool:
    """Wait until it is so; False when that takes too long."""
    left = _PATIENCE_SECONDS
    while not done():
        if left <= 0:
            return False
        left -= _LOOK_SECONDS
        await asyncio.sleep(_LOOK_SECONDS)
    return True


def _problem(error: Mapping[str, Any]) -> Problem:
    code = error["code"] if error.get("code") in KINDS else "asterisk_error"
    source, outcome = error.get("source", "asterisk"), error.get("outcome", "not_applied")
    return Problem(code, str(error.get("detail")), status=error.get("status"), source=source, outcome=outcome)
