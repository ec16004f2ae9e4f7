"""Loads scripts, policy, keys and certificate anew, Janus's too: all take their places at once, or none does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from aribridge.auth import Authenticator, KeyFault
from aribridge.config import ConfigError
from aribridge.obs import audit, metrics
from aribridge.script import ScriptHost, ScriptLoadError
from aribridge.server.lua_plugins import LuaPlugins, drop
from aribridge.server.policy import PolicyFile
from aribridge.server.tls import Certificate, CertificateFault

log = structlog.get_logger("aribridge.server")


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of it: ``error`` says where and why the present scripts stay, None when the new ones took over."""

    error: str | None
    files: list[Path]
    changed: list[Path]


class Reloader:
    """Reloads one at a time. ``run`` carries out what was asked for by ``request``."""

    def __init__(
        self,
        scripts: ScriptHost,
        plugins: LuaPlugins,
        policy: PolicyFile,
        authenticator: Authenticator,
        certificate: Certificate,
    ) -> None:
        self._certificate = certificate
        self._authenticator = authenticator
        self._policy = policy
        self._scripts = scripts
        self._plugins = plugins
        self._lock = asyncio.Lock()
        self._requested = asyncio.Event()

    @property
    def files(self) -> list[Path]:
        """What was read: the present scripts, modules included, the policy, keys and secrets, the certificate."""
        scripts = [*self._scripts.files, *self._plugins.files]
        others = [*self._policy.files, *self._authenticator.files, *self._certificate.files]
        return list(dict.fromkeys([*scripts, *others]))

    def request(self) -> None:
        """Ask for a reload from where nothing can wait; several that come together are one."""
        self._requested.set()

    async def run(self) -> None:
        """Reload whenever that is requested, for ever."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            result = await self.reload()
            audit.note("operator", "allow", by="SIGHUP", operation="reload", error=result.error)

    async def reload(self) -> Reloaded:
        """Load all of it anew; if one file does not load, all stays as it is, and the log and the result say why."""
        async with self._lock:
            try:
                changed = await self._replace()
            except (ScriptLoadError, ConfigError, KeyFault, CertificateFault) as error:
                log.error("scripts.kept", error=str(error))  # noqa: TRY400 - the error is the file's
                metrics.reloads_total.labels("kept").inc()
                return Reloaded(str(error), self.files, [])
        metrics.reloads_total.labels("loaded").inc()
        metrics.reload_success_timestamp_seconds.set_to_current_time()
        log.info("scripts.reloaded", files=[str(file) for file in self.files], changed=[str(file) for file in changed])
        return Reloaded(None, self.files, changed)

    async def _replace(self) -> list[Path]:
        # Scripts of Janus may wait while they start, the others do not: after those of Janus nothing comes in between.
        prepared = await self._plugins.prepare()
        try:
            takes = [source.reread() for source in (self._policy, self._authenticator, self._certificate)]
            changed = self._scripts.load()
        except BaseException:
            await drop(prepared)
            raise
        changed.extend(file for take in takes for file in take())
        return [*changed, *(file for plugin, edition in prepared.items() for file in plugin.replace(edition))]
