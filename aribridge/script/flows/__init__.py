"""Call flows: scripts that own phone calls."""

from aribridge.script.flows.desk import Flows
from aribridge.script.flows.memory import Memory

__all__ = ["Flows", "Memory"]
