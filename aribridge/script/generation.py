"""The scripts as they were loaded together: one reload replaces all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aribridge.script.files import Sources
from aribridge.script.script import Script

_NOTHING = Sources()


class Generation:
    """Scripts that were loaded together, in the order of the configuration."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self.scripts = scripts
        self._by_hook: dict[str, list[Script]] = {}
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @property
    def files(self) -> list[Path]:
        """The files that they were read from, modules included."""
        return [file for script in self.scripts for file in script.sources.files]

    def changed(self, earlier: Generation) -> list[Path]:
        """The files that are new, or not what they were."""
        before = {script.name: script.sources for script in earlier.scripts}
        lists = [script.sources.changed(before.get(script.name, _NOTHING)) for script in self.scripts]
        return list(dict.fromkeys(file for files in lists for file in files))

    def load(self) -> None:
        """Load every script. Raises ScriptLoadError; nothing that they started runs then."""
        try:
            for script in self.scripts:
                script.load()
                for hook in script.hooks:
                    self._by_hook.setdefault(hook, []).append(script)
        except BaseException:
            for script in self.scripts:
                script.stop_starting()
            raise

    def defining(self, hook: str) -> Sequence[Script]:
        """The scripts that define the hook."""
        return self._by_hook.get(hook, ())

    @contextmanager
    def using(self, hook: str) -> Iterator[Sequence[Script]]:
        """The same, for as long as they are being asked one after another."""
        self._users += 1
        self._unused.clear()
        try:
            yield self.defining(hook)
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def retire(self) -> None:
        """Let what runs come to its end, and close; timers end at once."""
        for script in self.scripts:
            script.stop_timers()
        try:
            await self._unused.wait()
            await asyncio.gather(*(script.retire() for script in self.scripts))
        finally:
            await self.close()

    async def close(self) -> None:
        """End timers, tasks and running hooks."""
        for script in self.scripts:
            await script.close()
