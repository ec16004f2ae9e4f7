"""The plugins that scripts for Janus make ([[janus.lua]]): loaded, started, known to the Janus door by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aribridge.core.settings import Settings
from aribridge.janus import PluginFactory
from aribridge.janus.plugins.lua import Edition, LuaPlugin
from aribridge.script import Asterisks, ScriptHost, ScriptLoadError
from aribridge.server.errors import StartError

Prepared = dict[LuaPlugin, Edition]
"""What is about to take the place of each plugin's present edition."""


class LuaPlugins:
    """Adds to ``plugins`` what it started."""

    def __init__(
        self, settings: Settings, asterisks: Asterisks, scripts: ScriptHost, plugins: dict[str, PluginFactory]
    ) -> None:
        self._settings = settings
        self._asterisks = asterisks
        self._scripts = scripts
        self._plugins = plugins
        self._started: list[LuaPlugin] = []

    @property
    def files(self) -> list[Path]:
        """The files that the present scripts were read from, modules included."""
        return [file for plugin in self._started for file in plugin.files]

    async def start(self) -> None:
        """Load the scripts and call their ``init``. Raises StartError."""
        for lua in self._settings.janus.lua:
            kv = self._scripts.store(Path(lua.script).name)
            plugin = LuaPlugin(lua, self._settings.scripts, self._asterisks, kv)
            self._started.append(plugin)
            try:
                plugin.load()
                await plugin.start()
            except ScriptLoadError as error:
                raise StartError(f"{error}\nMend the script, or take its [[janus.lua]] out.") from error
            if plugin.info.name in self._plugins:
                raise StartError(f"{lua.script}: there is a plugin {plugin.info.name} already; change its getPackage.")
            self._plugins[plugin.info.name] = plugin

    async def prepare(self) -> Prepared:
        """Load and start every script aside. Raises ScriptLoadError; nothing of them runs then."""
        prepared: Prepared = {}
        try:
            for plugin in self._started:
                prepared[plugin] = await plugin.prepare()
        except BaseException:
            await drop(prepared)
            raise
        return prepared

    def to_report(self) -> list[dict[str, Any]]:
        """How each script fares."""
        return [plugin.to_report() for plugin in self._started]

    async def stop_waiting(self) -> None:
        """End what the scripts wait for."""
        for plugin in self._started:
            await plugin.stop_waiting()

    async def stop(self) -> None:
        """Call each script's ``destroy``, and end what runs."""
        for plugin in self._started:
            await plugin.stop()


async def drop(prepared: Prepared) -> None:
    """Leave unused what was prepared."""
    for plugin, edition in prepared.items():
        await plugin.drop(edition)
