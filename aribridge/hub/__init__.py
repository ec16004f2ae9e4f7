"""Clients' connections and the path of their commands."""

from aribridge.hub.access import Access
from aribridge.hub.connection import Connection
from aribridge.hub.feed import Feed
from aribridge.hub.hub import Hub
from aribridge.hub.recordings import Recordings
from aribridge.hub.script_ports import ScriptAsterisks
from aribridge.hub.subscriptions import Subscriptions
from aribridge.hub.sweeper import Sweeper
from aribridge.hub.targets import Target, Targets

__all__ = [
    "Access",
    "Connection",
    "Feed",
    "Hub",
    "Recordings",
    "ScriptAsterisks",
    "Subscriptions",
    "Sweeper",
    "Target",
    "Targets",
]
