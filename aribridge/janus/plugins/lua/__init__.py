"""``janus.plugin.lua``: plugins written in Lua for Janus (https://janus.conf.meetecho.com/docs/lua.html)."""

from aribridge.janus.plugins.lua.edition import Edition
from aribridge.janus.plugins.lua.plugin import LuaPlugin

__all__ = ["Edition", "LuaPlugin"]
