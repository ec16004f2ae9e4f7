"""The plugin that a script of Janus makes: handles are its sessions, by numbers that it chooses itself."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

import structlog

from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.janus.plugin import HandleContext, PluginInfo
from aribridge.janus.plugins.lua.session import LuaSession
from aribridge.script import Asterisks, Operation, ScriptLoadError
from aribridge.script.janus import JanusScript

log = structlog.get_logger("aribridge.janus")

PACKAGE = "janus.plugin.lua"


class LuaPlugin:
    """A plugin in Lua; known by its ``info`` once it is started."""

    info = PluginInfo(PACKAGE, "Plugins written in Lua for Janus")

    def __init__(
        self,
        settings: JanusLuaSettings,
        limits: ScriptSettings,
        asterisks: Asterisks,
        operations: Mapping[str, Operation],
    ) -> None:
        """``operations`` are what the script may wait for besides HTTP and ARI, such as ``bridge.kv``."""
        self._sessions: dict[int, LuaSession] = {}
        self._script = JanusScript(settings, limits, asterisks, self, operations)
        self._path = settings.script

    def load(self) -> None:
        """Run the script's main chunk. Raises ScriptLoadError."""
        self._script.load()

    async def start(self) -> None:
        """Call the script's ``init`` and learn what it is called. Raises ScriptLoadError."""
        about = await self._script.start()
        package = about.get("Package", PACKAGE)
        if not isinstance(package, str) or not package:
            raise ScriptLoadError(f"{self._path}: getPackage has to return the name that clients attach to")
        version = about.get("Version", 1)
        self.info = PluginInfo(
            package,
            str(about.get("Description", self.info.description)),
            author=str(about.get("Author", self.info.author)),
            version=int(version) if isinstance(version, int | float) else 1,
            version_string=str(about.get("VersionString", version)),
            title=str(about.get("Name", package)),
        )
        log.info("plugin.lua", script=self._path, package=package)

    async def stop_waiting(self) -> None:
        """End what the script waits for, so that its sessions can end without delay."""
        await self._script.stop_waiting()

    async def stop(self) -> None:
        """Call the script's ``destroy`` and end what still runs of it; the handles are gone by now."""
        await self._script.close()

    def attach(self, context: HandleContext) -> LuaSession:
        """Make a session of the script's."""
        number = secrets.randbits(32)
        while number == 0 or number in self._sessions:
            number = secrets.randbits(32)
        session = LuaSession(number, self._script, context, forget=self._forget)
        self._sessions[number] = session
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
