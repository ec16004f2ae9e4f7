"""The interpreter for scripts of Janus: as every script's, with Janus's functions and modules, and strings of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aribridge.script.runtime import Runtime, Step
from aribridge.script.stock import lua_folder
from aribridge.script.values import Token, ValueNotJsonError

MODULES = (
    "bit32",
    "json",
    "cjson",
    "cjson.safe",
    "ansicolors",
    "ltn12",
    "mime",
    "socket",
    "socket.url",
    "socket.http",
    "ssl.https",
)


class JanusRuntime(Runtime):
    """Strings cross as they are; those that are no UTF-8 text come out as bytes."""

    encoding = None

    def _load_host(self, host: Any) -> None:
        super()._load_host(host)
        folder = lua_folder()
        self._load_file(folder / "host" / "json.lua", host)
        for name in MODULES:
            self._load_module(name, folder / "janus" / f"{name.replace('.', '/')}.lua", host)
        self._load_file(folder / "host" / "janus.lua", host)

    def _stage_tokens(self, tokens: list[Token]) -> None:
        try:
            self._stage(*map(_to_lua, tokens))
        except OverflowError:
            raise ValueNotJsonError("a number is too large for Lua") from None

    def _call(self, number: int, function: Any, *scalars: str) -> Step:
        return super()._call(number, function, *map(_to_lua, scalars))

    def _read(self, number: int, row: Iterator[Any]) -> Step:
        return super()._read(number, map(_from_lua, row))


def _to_lua(token: Any) -> Any:
    return token.encode("utf-8", "replace") if isinstance(token, str) else token


def _from_lua(token: Any) -> Any:
    if not isinstance(token, bytes):
        return token
    try:
        return token.decode()
    except UnicodeDecodeError:
        return token
