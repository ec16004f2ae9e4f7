"""Writes the annotations of the Lua module ``ari`` for editors, from Asterisk's API description.

    python -m aribridge.web.luals /usr/share/asterisk/rest-api > lua/annotations/ari.lua

Only names and types are taken over, none of the description's prose. The form is that of LuaLS (lua-language-server,
wiki page "Annotations").
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aribridge.ari.catalogue import Operation, Parameter
from aribridge.web import description

_PRIMITIVES = {
    "string": "string",
    "Date": "string",
    "int": "integer",
    "long": "integer",
    "double": "number",
    "boolean": "boolean",
    "object": "table<string, any>",
    "containers": "table<string, any>",
}
_NOTHING = ("void", "binary")
_WIDTH = 120
_REQUEST = """\
---@class ari.Request
---@field method? string
---@field path? string
---@field query? table<string, any>
---@field body? any

---Any method and path: ari.request("GET", "/asterisk/info", {query = {only = "system"}}), or one table with all of it.
---@overload fun(request: ari.Request): any
---@param method string
---@param path string
---@param options? ari.Request
---@return any
function ari.request(method, path, options) end

---The API of one of several Asterisks, by the name that the configuration gives it.
---@param target string
---@return ari
function ari.at(target) end

return ari
"""


def ari_module(folder: Path) -> str:
    """The text of ari.lua. Raises OSError or ValueError where the folder holds no API description."""
    api = description.read(folder)
    parts = [
        _head(api.version, api.resources),
        *(_model(name, model, api.base(name)) for name, model in api.models.items()),
        *(part for name, operations in api.resources.items() for part in _resource(name, operations)),
        _REQUEST,
    ]
    return "\n".join(parts)


def _head(version: str, resources: Iterable[str]) -> str:
    fields = "".join(f"---@field {name} ari.{name}\n" for name in resources)
    return (
        "---@meta ari\n"
        f"-- Made by `python -m aribridge.web.luals` from the API description of ARI {version}; do not edit.\n\n"
        f"---@class ari\n{fields}local ari = {{}}\n"
    )


def _model(name: str, model: Mapping[str, Any], base: str) -> str:
    fields = [_property(key, described) for key, described in model["properties"].items()]
    if base == "Event":
        fields.insert(0, ("type", json.dumps(name)))
    return _class(f"ari.{name}", fields, base and f"ari.{base}")


def _property(name: str, described: Mapping[str, Any]) -> tuple[str, str]:
    known = described.get("allowableValues", {}).get("values", ())
    # Asterisk sends values that its description lacks, hence the open end.
    kind = "|".join([*map(json.dumps, known), "string"]) if known else _type(described["type"])
    return _key(name, needed=described.get("required", False)), kind


def _key(name: str, *, needed: bool) -> str:
    key = name if name.isidentifier() else f"[{json.dumps(name)}]"
    return key if needed else f"{key}?"


def _class(name: str, fields: Iterable[tuple[str, str]], base: str = "") -> str:
    aliases, lines = [], []
    for key, kind in fields:
        line = f"---@field {key} {kind}"
        if len(line) > _WIDTH:
            alias = f"{name}.{key.rstrip('?')}"
            aliases.append("\n---| ".join([f"---@alias {alias}", *kind.split("|")]) + "\n\n")
            line = f"---@field {key} {alias}"
        lines.append(f"{line}\n")
    return f"{''.join(aliases)}---@class {name}{base and f': {base}'}\n{''.join(lines)}"


def _resource(name: str, operations: Iterable[Operation]) -> Iterator[str]:
    yield f"---@class ari.{name}\nlocal {name} = {{}}\n"
    for operation in operations:
        yield _function(operation)


def _function(operation: Operation) -> str:
    needed = description.needed(operation)
    fields = [
        (_key(name, needed=name in needed), _parameter_type(parameter))
        for name, parameter in operation.parameters.items()
    ]
    params = f"ari.{operation.id}.params"
    declared = f"{_class(params, fields)}\n" if fields else ""
    taken = f"---@param params{'' if needed else '?'} {params}\n" if fields else ""
    returned = "" if operation.returns in _NOTHING else f"---@return {_type(operation.returns)}\n"
    return (
        f"{declared}---`{operation.method} {operation.path}`\n{taken}{returned}"
        f"function {operation.id}({'params' if fields else ''}) end\n"
    )


def _parameter_type(parameter: Parameter) -> str:
    kind = "|".join(map(json.dumps, parameter.allowed)) or _type(parameter.type)
    elements = f"({kind})" if "|" in kind else kind
    return f"{kind}|{elements}[]" if parameter.multiple else kind


def _type(described: str) -> str:
    if element := description.element(described):
        return f"{_type(element)}[]"
    return _PRIMITIVES.get(described) or f"ari.{described}"


if __name__ == "__main__":
    sys.stdout.write(ari_module(Path(sys.argv[1])))
