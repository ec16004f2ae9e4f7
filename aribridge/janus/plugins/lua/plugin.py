"""The plugin that a script of Janus makes: new sessions get the newest edition of it, others keep theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.janus.plugin import HandleContext, PluginInfo
from aribridge.janus.plugins.lua.edition import Edition
from aribridge.janus.plugins.lua.session import LuaSession
from aribridge.script import Asterisks, Operation, ScriptLoadError

log = structlog.get_logger("aribridge.janus")


class LuaPlugin:
    """A plugin in Lua; known by its ``info`` once it is started."""

    def __init__(
        self,
        settings: JanusLuaSettings,
        limits: ScriptSettings,
        asterisks: Asterisks,
        operations: Mapping[str, Operation],
    ) -> None:
        """``operations`` are what the script may wait for besides HTTP and ARI, such as ``bridge.kv``."""
        self._path = settings.script
        self._make = partial(Edition, settings, limits, asterisks, operations)
        self._now = self._make()
        self._retiring: dict[Edition, asyncio.Task[None]] = {}

    @property
    def info(self) -> PluginInfo:
        """What it is."""
        return self._now.info

    @property
    def files(self) -> list[Path]:
        """The files that the present edition was read from, modules included."""
        return self._now.script.sources.files

    def load(self) -> None:
        """Run the script's main chunk. Raises ScriptLoadError."""
        self._now.script.load()

    async def start(self) -> None:
        """Call the script's ``init`` and learn what it is called. Raises ScriptLoadError."""
        await self._now.start()
        log.info("plugin.lua", script=self._path, package=self.info.name)

    async def prepare(self) -> Edition:
        """Load and start the script as its files are now, beside the present edition: ``replace`` or ``drop`` it.

        Raises ScriptLoadError; nothing of it runs then.
        """
        fresh = self._make()
        try:
            fresh.script.load()
            await fresh.start()
            if fresh.info.name != self.info.name:
                text = f"getPackage returned {fresh.info.name}, and clients attach to {self.info.name}: start anew"
                raise ScriptLoadError(f"{self._path}: {text} to change the name")
        except BaseException:
            await fresh.script.abandon()
            raise
        return fresh

    def replace(self, fresh: Edition) -> list[Path]:
        """From now on sessions begin on this edition; those that there are stay where they are until they end.

        Returns the files that are not what they were.
        """
        old, self._now = self._now, fresh
        task = self._retiring[old] = asyncio.get_running_loop().create_task(old.retire())
        task.add_done_callback(lambda _: self._retiring.pop(old))
        return fresh.script.sources.changed(old.script.sources)

    async def drop(self, fresh: Edition) -> None:
        """Leave an edition unused that was prepared."""
        await fresh.script.close()

    def to_report(self) -> dict[str, Any]:
        """How the present edition fares, and how many earlier ones still have sessions, for operators."""
        return {**self._now.script.to_report(), "package": self.info.name, "earlier": len(self._retiring)}

    async def stop_waiting(self) -> None:
        """End what the script waits for, so that its sessions can end without delay."""
        for edition in (self._now, *self._retiring):
            await edition.script.stop_waiting()

    async def stop(self) -> None:
        """Call the script's ``destroy`` and end what still runs of it; the handles are gone by now."""
        for edition in (self._now, *self._retiring):
            edition.stop()
        await asyncio.gather(self._now.retire(), *self._retiring.values())

    def attach(self, context: HandleContext) -> LuaSession:
        """Make a session of the script's."""
        return self._now.attach(context)
