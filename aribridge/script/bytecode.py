"""The globals that a Lua source names, with lines: read off what Lua's own compiler makes of it.

A global ``x`` is the field ``x`` of the upvalue ``_ENV`` (Lua 5.4 manual, 2.2), which compiled code reads by GETTABUP
and writes by SETTABUP. The layout of ``string.dump`` is that of Lua 5.4; nothing here is ever run.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import lupa.lua54 as lupa

_HEADER = 4 + 1 + 1 + 6 + 3 + 8 + 8 + 1
"""Signature, version, format, check bytes, sizes of types, check numbers, and the number of the chunk's upvalues."""
_GETTABUP, _SETTABUP = 11, 15
_SHORT_STRING, _LONG_STRING = 0x04, 0x14
_CONSTANT_SIZES = {0x00: 0, 0x01: 0, 0x11: 0, 0x03: 8, 0x13: 8}
"""Bytes of nil, false, true, an integer, a float."""
_LINE_IS_ABSOLUTE = -128
_DUMP = b"local source = ... local chunk = load(source, '=check', 't') return chunk and string.dump(chunk)"


@dataclass(frozen=True, slots=True)
class Use:
    """A global that is read or written on a line."""

    name: str
    line: int
    written: bool


def globals_of(source: str) -> list[Use]:
    """The globals that a source names, in the order of its functions; none when it does not compile."""
    lua = lupa.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
    dumped = lua.execute(_DUMP, source.encode())
    return [] if dumped is None else list(_uses(_Reader(dumped, _HEADER).function()))


@dataclass(slots=True)
class _Function:
    first_line: int
    code: list[int]
    constants: list[str | None]
    inner: list[_Function]
    steps: list[int] = field(default_factory=list)
    absolute: dict[int, int] = field(default_factory=dict)
    upvalues: list[str] = field(default_factory=list)


def _uses(function: _Function) -> Iterator[Use]:
    line = function.first_line
    for index, instruction in enumerate(function.code):
        step = function.steps[index]
        line = function.absolute[index] if step == _LINE_IS_ABSOLUTE else line + step
        if use := _use(function, instruction, line):
            yield use
    for inner in function.inner:
        yield from _uses(inner)


def _use(function: _Function, instruction: int, line: int) -> Use | None:
    operation, a, b, c = instruction & 0x7F, instruction >> 7 & 0xFF, instruction >> 16 & 0xFF, instruction >> 24
    if operation == _GETTABUP:
        table, key, written = b, c, False
    elif operation == _SETTABUP:
        table, key, written = a, b, True
    else:
        return None
    name = function.constants[key]
    return Use(name, line, written) if name is not None and function.upvalues[table] == "_ENV" else None


class _Reader:
    """Reads a dumped function from a place on."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def function(self) -> _Function:
        self._string()  # the source's name
        first_line = self._size()
        self._size()  # the last line
        self._bytes(3)  # parameters, varargs, stack size
        code = list(struct.unpack(f"<{(n := self._size())}I", self._bytes(4 * n)))
        constants = [self._constant() for _ in range(self._size())]
        self._bytes(3 * self._size())  # where upvalues come from
        function = _Function(first_line, code, constants, [self.function() for _ in range(self._size())])
        self._read_debug(function)
        return function

    def _read_debug(self, function: _Function) -> None:
        function.steps = list(struct.unpack(f"<{(n := self._size())}b", self._bytes(n)))
        function.absolute = {self._size(): self._size() for _ in range(self._size())}
        for _ in range(self._size()):  # local variables: name, and where they live
            self._string(), self._size(), self._size()
        function.upvalues = [self._string() or "" for _ in range(self._size())]

    def _constant(self) -> str | None:
        kind = self._bytes(1)[0]
        if kind in {_SHORT_STRING, _LONG_STRING}:
            return self._string()
        self._bytes(_CONSTANT_SIZES[kind])
        return None

    def _string(self) -> str | None:
        size = self._size()
        return self._bytes(size - 1).decode("utf-8", "replace") if size else None

    def _size(self) -> int:
        value = 0
        while True:
            byte = self._bytes(1)[0]
            value = value << 7 | byte & 0x7F
            if byte & 0x80:
                return value

    def _bytes(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]
