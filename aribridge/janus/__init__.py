"""The Janus API: sessions, handles and plugins, over WebSocket and HTTP long poll."""

from aribridge.janus.door import JanusDoor
from aribridge.janus.errors import Code, JanusError
from aribridge.janus.jsep import Jsep
from aribridge.janus.plugin import HandleContext, PluginFactory, PluginHandle, PluginInfo, Result
from aribridge.janus.ports import Channel, ServerInfo
from aribridge.janus.websocket import SUBPROTOCOL

__all__ = [
    "SUBPROTOCOL",
    "Channel",
    "Code",
    "HandleContext",
    "JanusDoor",
    "JanusError",
    "Jsep",
    "PluginFactory",
    "PluginHandle",
    "PluginInfo",
    "Result",
    "ServerInfo",
]
