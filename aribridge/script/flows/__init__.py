"""Call flows: scripts that own phone calls."""

from aribridge.script.flows.desk import Flows

__all__ = ["Flows"]
