"""How the gateway is: GET /v1/status of the operator's socket."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from aribridge import __version__
from aribridge.core.settings import Settings
from aribridge.hub import Hub, Target, Targets
from aribridge.obs import audit
from aribridge.obs.redact import redact
from aribridge.transport.webrtc import RtcEngine


class Status:
    """The figures of one look, and where the gateway listens."""

    def __init__(
        self, settings: Settings, targets: Targets, hub: Hub, rtc: RtcEngine, draining: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._targets = targets
        self._hub = hub
        self._rtc = rtc
        self._draining = draining
        self._started = time.time()

    def routes(self) -> list[web.RouteDef]:
        """Addresses and handlers."""
        return [web.get("/v1/status", self._get_status)]

    async def _get_status(self, _: web.Request) -> web.Response:
        return web.json_response(redact(self.to_report()))

    def to_report(self) -> dict[str, Any]:
        """``started`` in Unix seconds, ``open_files`` as used and allowed, ``listeners`` by their settings' names."""
        server = self._settings.server
        return {
            "version": __version__,
            "pid": os.getpid(),
            "started": self._started,
            "draining": self._draining(),
            "listeners": {
                "server.listen": [server.listen],
                "server.admin": [server.admin],
                "server.asterisk": [server.asterisk] if self._dialled else [],
                "webrtc.udp": self._rtc.addresses,
            },
            "open_files": {"used": _open_files(), "limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0]},
            "connections": dict(Counter(connection.kind for connection in self._hub.connections)),
            "peers": self._rtc.peers,
            "audit": audit.report(),
            "targets": [_target(target) for target in self._targets],
        }

    @property
    def _dialled(self) -> bool:
        return any(target.link.dial_in is not None for target in self._targets)


def _target(target: Target) -> dict[str, Any]:
    link = target.link
    return {
        "name": target.name,
        "app": link.app,
        "asterisk": link.version,
        "up": target.ready,
        "link": "inbound" if link.dial_in is None else "outbound",
        "standby": link.standby,
        "reason": target.reason,
        "stream": target.stream.position,
        "views": target.stream.views,
        "objects": target.stream.state.counts(),
    }


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
