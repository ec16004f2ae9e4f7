"""What the gateway says about itself, in the words of Janus's ``server_info``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from aribridge.core.settings import JanusSettings
from aribridge.janus.link import CANDIDATE_SECONDS
from aribridge.janus.plugin import PluginInfo
from aribridge.janus.ports import ServerInfo

_TRANSPORTS = {
    "janus.transport.http": "HTTP POST, events by long poll",
    "janus.transport.websockets": "WebSocket, subprotocol janus-protocol",
}


def server_info(
    info: ServerInfo, settings: JanusSettings, plugins: Iterable[PluginInfo], *, accepting: bool
) -> dict[str, Any]:
    """The fields of the reply to ``info``: what monitoring tools for Janus read, and no addresses.

    Times are whole seconds, as there: clients with typed fields refuse 60.0.
    """
    return {
        "name": "aribridge",
        "version": _number(info.version),
        "version_string": info.version,
        "author": "aribridge",
        "server-name": info.server_name,
        "data_channels": True,
        "accepting-new-sessions": accepting,
        "session-timeout": math.ceil(settings.session_seconds),
        "reclaim-session-timeout": math.ceil(settings.reclaim_seconds),
        "candidates-timeout": math.ceil(CANDIDATE_SECONDS),
        "ice-lite": False,
        "ice-tcp": False,
        "full-trickle": False,
        "mdns-enabled": False,
        "api_secret": info.api_secret,
        "auth_token": info.auth_token,
        "event_handlers": False,
        "opaqueid_in_api": False,
        "dependencies": {},
        "transports": {name: _module(PluginInfo(name, text)) for name, text in _TRANSPORTS.items()},
        "events": {},
        "loggers": {},
        "plugins": {plugin.name: _module(plugin) for plugin in plugins},
    }


def _module(module: PluginInfo) -> Mapping[str, Any]:
    return {
        "name": module.title or module.name,
        "author": module.author,
        "description": module.description,
        "version": module.version,
        "version_string": module.version_string,
    }


def _number(version: str) -> int:
    """Janus has its version as a number too: 1.4.2 is 10402 here."""
    major, minor, patch = ([int(part) for part in version.split(".")[:3] if part.isdecimal()] + [0, 0, 0])[:3]
    return major * 10_000 + minor * 100 + patch
