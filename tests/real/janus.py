"""The real Janus of Debian's package, and the Lua scripts that come with it."""

from __future__ import annotations

from pathlib import Path

LUA_FOLDER = Path("/usr/share/janus/lua")
