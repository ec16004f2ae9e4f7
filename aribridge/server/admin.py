"""The operators' listener: is it alive, is it ready, its figures, its version."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

from aiohttp import web

from aribridge import __version__
from aribridge.hub import Hub, Target, Targets
from aribridge.janus import JanusDoor
from aribridge.obs import audit, metrics
from aribridge.transport.webrtc import RtcEngine


class Admin:
    """GET /healthz /readyz /metrics /version; ``draining`` tells that the gateway is going away."""

    def __init__(
        self, targets: Targets, hub: Hub, rtc: RtcEngine, janus: JanusDoor, draining: Callable[[], bool]
    ) -> None:
        self._targets = targets
        self._hub = hub
        self._rtc = rtc
        self._janus = janus
        self._draining = draining

    def routes(self) -> list[web.RouteDef]:
        """Addresses and handlers."""
        return [
            web.get("/healthz", self._health),
            web.get("/readyz", self._ready),
            web.get("/metrics", self._metrics),
            web.get("/version", self._version),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _: web.Request) -> web.Response:
        """Ready when an Asterisk is reachable; the reasons of those that are not are told in any case.

        Calls go on without an audit log: that it cannot be written is told, and changes nothing else.
        """
        targets = [_state(target) for target in self._targets]
        ready = any(target["up"] for target in targets) and not self._draining()
        body = {"ready": ready, "draining": self._draining(), "targets": targets, "audit": audit.report()}
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        metrics.webrtc_peers.set(self._rtc.peers)
        metrics.janus_sessions.set(self._janus.sessions)
        waiting = [connection.waiting_bytes for connection in self._hub.connections]
        metrics.outbox_bytes.set(sum(waiting))
        metrics.outbox_most_bytes.set(max(waiting, default=0))
        for target in self._targets:
            metrics.events_waiting.labels(target.name).set(target.feed.waiting)
            metrics.link_up.labels(target.name).set(target.link.up)
            metrics.stream_head_seq.labels(target.name).set(target.stream.position["seq"])
            for kind, count in target.stream.state.counts().items():
                metrics.objects.labels(target.name, kind).set(count)
        return web.Response(body=metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _version(self, _: web.Request) -> web.Response:
        asterisk = {target.name: target.link.version for target in self._targets}
        body = {"aribridge": __version__, "python": platform.python_version(), "asterisk": asterisk}
        return web.json_response(body)


def _state(target: Target) -> dict[str, Any]:
    link = target.link
    return {
        "name": target.name,
        "up": target.ready,
        "link": "inbound" if link.dial_in is None else "outbound",
        "commands": link.commands,
        "standby": link.standby,
        "reason": target.reason,
    }
