"""A script of Janus as it was loaded at one time, with the sessions that began on it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.janus.plugin import HandleContext, PluginInfo
from aribridge.janus.plugins.lua.session import LuaSession
from aribridge.script import Asterisks, Operation, ScriptLoadError
from aribridge.script.janus import JanusScript

PACKAGE = "janus.plugin.lua"
INFO = PluginInfo(PACKAGE, "Plugins written in Lua for Janus")


class Edition:
    """A script and its sessions, by numbers that are chosen here: a script reaches its own ones alone."""

    def __init__(
        self,
        settings: JanusLuaSettings,
        limits: ScriptSettings,
        asterisks: Asterisks,
        operations: Mapping[str, Operation],
    ) -> None:
        self.info = INFO
        self.script = JanusScript(settings, limits, asterisks, self, operations)
        self._path = Path(settings.script)
        self._sessions: dict[int, LuaSession] = {}
        self._left = asyncio.Event()
        self._left.set()

    async def start(self) -> None:
        """Call the script's ``init`` and learn what it is called. Raises ScriptLoadError."""
        about = await self.script.start()
        package = about.get("Package", PACKAGE)
        if not isinstance(package, str) or not package:
            raise ScriptLoadError(f"{self._path}: getPackage has to return the name that clients attach to")
        version = about.get("Version", 1)
        self.info = PluginInfo(
            package,
            str(about.get("Description", INFO.description)),
            author=str(about.get("Author", INFO.author)),
            version=int(version) if isinstance(version, int | float) else 1,
            version_string=str(about.get("VersionString", version)),
            title=str(about.get("Name", package)),
        )

    async def retire(self) -> None:
        """Let its sessions come to their end, then call the script's ``destroy`` and end what still runs of it."""
        await self._left.wait()
        await self.script.settle()
        await self.script.close()

    def stop(self) -> None:
        """The gateway stops: no session is to be waited for any more."""
        self._left.set()

    def attach(self, context: HandleContext) -> LuaSession:
        """Make a session of the script's."""
        number = secrets.randbits(32)
        while number == 0 or number in self._sessions:
            number = secrets.randbits(32)
        session = LuaSession(number, self.script, context, forget=self._forget)
        self._sessions[number] = session
        self._left.clear()
        session.create()
        return session

    def push(self, session: int, transaction: str | None, event: str, jsep: str | None) -> None:
        """``pushEvent``."""
        if found := self._sessions.get(session):
            found.push(transaction, event, jsep)

    def relay(self, sessions: Sequence[int], data: str | bytes, label: str, protocol: str) -> None:
        """``relayTextData``, ``relayBinaryData``."""
        for session in sessions:
            if found := self._sessions.get(session):
                found.relay(data, label, protocol)

    def close_pc(self, session: int) -> None:
        """``closePc``."""
        if found := self._sessions.get(session):
            found.close_pc()

    def end_session(self, session: int) -> None:
        """``endSession``."""
        if found := self._sessions.get(session):
            found.end()

    def _forget(self, number: int) -> None:
        self._sessions.pop(number, None)
        if not self._sessions:
            self._left.set()
