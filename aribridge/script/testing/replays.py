"""``T.replay``: a recording takes the place of the Asterisk that is behind the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aribridge.script.calls import Operation
from aribridge.script.errors import CallFailure, ScriptLoadError
from aribridge.script.recording import Recording, read_recording
from aribridge.script.testing.asterisks import AnsweringAsterisks
from aribridge.script.testing.replay import Diverged, Replay
from aribridge.script.testing.simulated.world import Sink
from aribridge.script.testing.surroundings import Surroundings


class Replays:
    """Recordings are files of ``folder``; ``fault`` is told how the script diverged where no one asks."""

    def __init__(
        self,
        folder: Path,
        asterisks: AnsweringAsterisks,
        surroundings: Surroundings,
        sink: Sink,
        fault: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._asterisks = asterisks
        self._surroundings = surroundings
        self._sink = sink
        self._fault = fault
        self._replay: Replay | None = None
        self._told = False
        self.operations: dict[str, Operation] = {"t.replay": self._start, "t.finish": self._finish}

    async def close(self) -> None:
        """End it, and tell how the script diverged unless the test knows."""
        if self._replay is not None:
            if self._replay.fault and not self._told:
                self._fault(self._replay.fault)
            await self._replay.close()

    async def _start(self, file: str, options: Mapping[str, Any]) -> None:
        if self._replay is not None:
            raise CallFailure("bad_parameter", "T.replay: a test replays one recording")
        recording = self._read(file)
        self._surroundings.set_wall(recording.header.recorded.timestamp())
        self._replay = Replay(recording, self._sink, str(options.get("digits", "")))
        self._asterisks.behind = self._replay

    async def _finish(self) -> list[str]:
        """The ids of the calls that came."""
        assert self._replay is not None
        try:
            await self._replay.finish()
        except Diverged as error:
            self._told = True
            raise CallFailure("diverged", str(error)) from None
        return self._replay.calls

    def _read(self, file: str) -> Recording:
        try:
            return read_recording(self._folder / file)
        except ScriptLoadError as error:
            raise CallFailure("bad_parameter", f"T.replay: {error}") from None
