"""The composition root: every part made once, wired, started and stopped in order."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from aribridge import __version__
from aribridge.auth import Authenticator, KeyFault, Revocations
from aribridge.config import ConfigError, host_and_port, load_policy, port_range
from aribridge.core.policy.policy import Policy
from aribridge.core.settings import Settings
from aribridge.hub import Access, Hub, ScriptAsterisks, Targets
from aribridge.janus import JanusDoor, PluginFactory, ServerInfo
from aribridge.janus.plugins.ari import AriPlugin
from aribridge.janus.plugins.echotest import EchoTestPlugin
from aribridge.obs import audit, metrics
from aribridge.script import ScriptHost, ScriptLoadError
from aribridge.server.admin import Admin
from aribridge.server.asterisks import Asterisks
from aribridge.server.by_hand import ByHand
from aribridge.server.control import Control
from aribridge.server.doors.catalogue import CatalogueDoor
from aribridge.server.doors.recordings import RecordingsDoor
from aribridge.server.doors.rtc import RtcDoor
from aribridge.server.doors.state import StateDoor
from aribridge.server.doors.websocket import WebSocketDoor
from aribridge.server.errors import StartError
from aribridge.server.explain import Explainer
from aribridge.server.http import application, runner
from aribridge.server.instance import load_instance
from aribridge.server.intake import let_sockets_go
from aribridge.server.lag import measure
from aribridge.server.local import LocalListener
from aribridge.server.lua_plugins import LuaPlugins
from aribridge.server.newcomers import Newcomers
from aribridge.server.operator import Operator
from aribridge.server.origins import Origins
from aribridge.server.pages import Pages
from aribridge.server.policy import PolicyFile
from aribridge.server.proxies import Proxies
from aribridge.server.recorded import recorded
from aribridge.server.reload import Reloader
from aribridge.server.revoke import Revoker
from aribridge.server.site import PublicSite
from aribridge.server.status import Status
from aribridge.server.supervise import Supervisor
from aribridge.server.tls import Certificate, CertificateFault, strict_transport
from aribridge.server.watch import watch
from aribridge.transport.turns import Turns
from aribridge.transport.webrtc import RtcEngine

log = structlog.get_logger("aribridge.server")

SERVER = f"aribridge/{__version__}"


class Gateway:
    """The whole gateway. ``dev``: pages of this machine may use it, and the console is on."""

    def __init__(self, settings: Settings, *, dev: bool = False) -> None:
        """Make the parts. Raises StartError for keys that cannot be read."""
        self._settings = settings
        self._dev = dev
        self._draining = False
        self.stop_wanted = asyncio.Event()
        self._runners: list[web.AppRunner] = []
        self._supervisor = Supervisor()
        self._revocations = _revocations(settings)
        self._authenticator = _authenticator(settings, self._revocations)
        self.targets = Targets()
        instance = load_instance(Path(settings.state))
        self._access = Access(_policy(settings), instance)
        asterisks = ScriptAsterisks(self.targets)
        self.scripts = ScriptHost(settings.scripts, asterisks, Path(settings.state), instance=instance)
        asterisks.attend(self.scripts.flows)
        self.hub = Hub(
            settings.limits,
            self.targets,
            self._access,
            self.scripts,
            self._authenticator.bearer,
            server=SERVER,
            instance=instance,
        )
        self._asterisks = Asterisks(settings, self.targets, self._access, self.scripts, self.hub, instance)
        host, port = host_and_port(settings.server.listen)
        self.rtc = RtcEngine(settings.webrtc, frame=settings.limits.frame, default_address=(host, port))
        self._plugins: dict[str, PluginFactory] = {p.info.name: p for p in (AriPlugin(self.hub), EchoTestPlugin())}
        self._lua_plugins = LuaPlugins(settings, asterisks, self.scripts, self._plugins)
        self._certificate = _certificate(settings)
        self._newcomers = Newcomers(settings.limits)
        self._turns = Turns()
        self._janus = self._janus_door()
        self._rtc_door = RtcDoor(self.hub, self._authenticator, self.rtc, settings)
        self._recordings = RecordingsDoor(self.hub.recordings, self._authenticator)
        public = self._application(dev=dev)
        self.reloader = Reloader(
            self.scripts,
            self._lua_plugins,
            PolicyFile(settings.auth.policy, self._access, self.targets, self.hub),
            self._authenticator,
            self._certificate,
        )
        admin = Admin(self.targets, self.hub, self.rtc, self._janus, lambda: self._draining).routes()
        operator = Operator(self.targets, self.scripts, self._lua_plugins, self.reloader).routes()
        explain = Explainer(self.targets, self._access, settings.limits.depth).routes()
        status = Status(settings, self.targets, self.hub, self.rtc, lambda: self._draining).routes()
        doors = [self.hub.expel, self._janus.expel, self._rtc_door.expel, self._recordings.expel]
        revoke = Revoker(self._revocations, doors).routes()
        self._by_hand = ByHand(self.hub)
        control = Control(self.hub, settings.log, self.stop_wanted.set).routes()
        private = [*status, *operator, *control, *self._by_hand.routes(), *explain, *revoke]
        self.applications = {
            "server.listen": public,
            "server.admin": _plain(admin),
            "state": _plain([*admin, *private], recorded),
        }
        """What answers on each listener, by the setting that places it."""
        self._local = LocalListener(Path(settings.state), self.applications["state"])

    async def start(self) -> None:
        """Start everything. Raises StartError; nothing is left running then."""
        audit.start(self._settings.audit, Path(self._settings.state))
        audit.note("gateway", "allow", operation="start", version=__version__, pid=os.getpid())
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Finish what is in flight, say goodbye, and release everything."""
        self._draining = True
        seconds = self._settings.server.drain_seconds
        await asyncio.gather(
            self.hub.drain(seconds),
            self._janus.drain(seconds),
            self.scripts.flows.finish(seconds, self._asterisks.continued),
        )
        await self._lua_plugins.stop_waiting()
        await self._janus.stop()
        await self._lua_plugins.stop()
        await self.scripts.flows.close()  # while Asterisk can be told what becomes of their calls
        await self._asterisks.part()
        await self._supervisor.stop()
        await self.scripts.close()
        await self.rtc.stop()
        self.scripts.end_recordings()
        self._by_hand.end()
        await self._local.stop()
        for served in reversed(self._runners):
            await served.cleanup()
        audit.note("gateway", "allow", operation="stop")
        await asyncio.to_thread(audit.stop)

    async def _start(self) -> None:
        self._load_scripts()
        metrics.reload_success_timestamp_seconds.set_to_current_time()
        await self._lua_plugins.start()
        self._asterisks.add_all()
        await self._listen("server.listen", self._settings.server.listen, self._public_site)
        await self._listen("server.admin", self._settings.server.admin)
        if (door := self._asterisks.door()) is not None:
            self.applications["server.asterisk"] = _plain(door.routes())
            await self._listen("server.asterisk", self._settings.server.asterisk)
        await self._local.start()
        await self._start_rtc()
        await self._janus.start()
        self._asterisks.keep_up(self._supervisor)
        if self._authenticator.keys.is_fetched:
            self._supervisor.keep("jwks", self._authenticator.keys.run)
        self._supervisor.keep("owners", self.hub.owners.run)
        self._supervisor.keep("loop lag", measure)
        self._supervisor.keep("script reload", self.reloader.run)
        if self._dev:
            self._supervisor.keep("script watch", lambda: watch(lambda: self.reloader.files, self.reloader.reload))
        log.info("gateway.started", version=__version__, listen=self._settings.server.listen)

    def _load_scripts(self) -> None:
        try:
            self.scripts.load()
        except ScriptLoadError as error:
            raise StartError(f"{error}\nMend the script, or take it out of scripts.files.") from error

    async def _start_rtc(self) -> None:
        try:
            await self.rtc.start()
        except OSError as error:
            udp = self._settings.webrtc.udp
            port = port_range(udp)[0] if udp else host_and_port(self._settings.server.listen)[1]
            raise _cannot_bind(error, f"UDP port {udp or port}", port, "webrtc.udp", "udp") from error
        except (ValueError, RuntimeError) as error:
            raise StartError(str(error)) from error

    def _public_site(self, runner: web.AppRunner, host: str, port: int) -> PublicSite:
        return PublicSite(runner, host, port, self._newcomers, self._turns, self._certificate.context)

    async def _listen(
        self,
        key: str,
        address: str,
        site: Callable[[web.AppRunner, str, int], web.BaseSite] = web.TCPSite,
    ) -> None:
        host, port = host_and_port(address)
        served = runner(self.applications[key])
        self._runners.append(served)
        await served.setup()
        try:
            await site(served, host, port).start()
        except OSError as error:
            raise _cannot_bind(error, f"TCP {address}", port, key, "tcp") from error

    def _janus_door(self) -> JanusDoor:
        auth = self._settings.auth
        info = ServerInfo(
            version=__version__,
            server_name="aribridge",
            api_secret=bool(auth.janus.api_secret_file),
            auth_token=bool(auth.jwt or auth.janus.token_secret_file or auth.janus.tokens),
        )
        return JanusDoor(
            self._settings.janus,
            self._authenticator,
            self.rtc,
            self._plugins,
            info,
            self.hub.seats.charge,
            self._turns,
            self._settings.limits.expiry_seconds,
        )

    def _application(self, *, dev: bool) -> web.Application:
        settings = self._settings
        doors: list[Any] = [
            WebSocketDoor(self.hub, self._authenticator, self._turns, settings.limits.frame),
            self._rtc_door,
            CatalogueDoor(self.targets, self._authenticator),
            self._recordings,
            StateDoor(self.targets, self._authenticator, self._access),
            Pages(console=dev or settings.server.console),
            self._janus,
        ]
        routes = [route for door in doors for route in door.routes()]
        app = application(
            routes,
            [self._newcomers.middleware(), Proxies(settings.server.trusted_proxies).middleware()],
            Origins(settings.server.origins, dev=dev),
            self.hub.seats.charge,
            self._janus.websocket,
        )
        app.on_response_prepare.extend([let_sockets_go, self._newcomers.answered])
        if self._certificate.context or settings.server.public_url.startswith("https:"):
            app.on_response_prepare.append(strict_transport)
        return app


def _plain(routes: list[web.RouteDef], *middlewares: Middleware) -> web.Application:
    app = web.Application(middlewares=middlewares)
    app.add_routes(routes)
    return app


def _revocations(settings: Settings) -> Revocations:
    try:
        return Revocations(Path(settings.state))
    except (OSError, ValueError) as error:
        raise StartError(f"What was revoked cannot be read: {error}") from error


def _authenticator(settings: Settings, revocations: Revocations) -> Authenticator:
    try:
        return Authenticator(settings.auth, revocations.covers)
    except KeyFault as error:
        raise StartError(f"A key cannot be read: {error}") from error


def _certificate(settings: Settings) -> Certificate:
    try:
        return Certificate(settings.server)
    except CertificateFault as error:
        raise StartError(f"TLS on server.listen: {error}") from error


def _policy(settings: Settings) -> Policy:
    try:
        return load_policy(settings.auth.policy)
    except ConfigError as error:
        raise StartError(str(error)) from error


def _cannot_bind(error: OSError, what: str, port: int, key: str, protocol: str) -> StartError:
    if error.errno == errno.EADDRINUSE:
        text = f"{what} is taken by another program; {key} in aribridge.toml sets another one."
        return StartError(text, port=port, protocol=protocol, key=key)
    return StartError(f"{what} cannot be opened ({error.strerror or error}); {key} in aribridge.toml sets it.", key=key)
