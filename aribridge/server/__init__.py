"""The gateway as a whole: its parts put together, its listeners, its life."""

from aribridge.server.errors import StartError
from aribridge.server.gateway import Gateway
from aribridge.server.lifecycle import serve

__all__ = ["Gateway", "StartError", "serve"]
