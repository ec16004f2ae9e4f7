"""Scripts written for Janus's Lua plugin (https://janus.conf.meetecho.com/docs/lua.html), run as they are."""

from aribridge.script.janus.check import Finding, check_janus
from aribridge.script.janus.ports import World
from aribridge.script.janus.script import JanusScript

__all__ = ["Finding", "JanusScript", "World", "check_janus"]
