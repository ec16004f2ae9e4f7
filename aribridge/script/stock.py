"""Where the gateway's own Lua files are: ``lua/`` of a checkout, ``aribridge/_data/lua`` of an installed wheel."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

STOCK = "stock:"


def lua_folder() -> Path:
    """The folder of the Lua files that the gateway brings."""
    package = Path(str(files("aribridge")))
    packaged = package / "_data" / "lua"
    return packaged if packaged.is_dir() else package.parent / "lua"


def script_path(setting: str) -> Path:
    """The file that an entry of ``scripts.files`` names."""
    if setting.startswith(STOCK):
        return lua_folder() / setting.removeprefix(STOCK)
    return Path(setting).expanduser()
