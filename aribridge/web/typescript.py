"""Writes the TypeScript declarations of ARI's operations, objects and events, from Asterisk's API description.

    python -m aribridge.web.typescript /usr/share/asterisk/rest-api > aribridge/web/ari.d.ts

Only names and types are taken over, none of the description's prose.
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
    "int": "number",
    "long": "number",
    "double": "number",
    "boolean": "boolean",
    "object": "Record<string, unknown>",
    "containers": "Record<string, unknown>",
    "void": "null",
    "binary": "never",
}


def declarations(folder: Path) -> str:
    """The text of ari.d.ts. Raises OSError or ValueError where the folder holds no API description."""
    api = description.read(folder)
    parts = [
        _head(api.version),
        *_operations(api.resources),
        *(_model(name, model, api.base(name)) for name, model in api.models.items()),
        _events(api.events),
    ]
    return "\n".join(parts)


def _head(version: str) -> str:
    return (
        f"// Made by `python -m aribridge.web.typescript` from the API description of ARI {version}; do not edit.\n\n"
        'import type { CommandOptions } from "./aribridge.js";\n'
    )


def _operations(resources: Mapping[str, Iterable[Operation]]) -> Iterator[str]:
    lines = (f"  readonly {name}: {_title(name)}Operations;\n" for name in resources)
    yield f"export interface Operations {{\n{''.join(lines)}}}\n"
    for name, operations in resources.items():
        methods = "".join(map(_method, operations))
        yield f"export interface {_title(name)}Operations {{\n{methods}}}\n"


def _title(name: str) -> str:
    return name[0].upper() + name[1:]


def _method(operation: Operation) -> str:
    needed = description.needed(operation)
    fields = "".join(
        f"      {_key(name)}{'' if name in needed else '?'}: {_parameter_type(parameter)};\n"
        for name, parameter in operation.parameters.items()
    )
    params = f"params{'' if needed else '?'}: {{\n{fields}    }}" if fields else "params?: Record<string, never>"
    name = operation.id.partition(".")[2]
    returns = f"Promise<{_type(operation.returns)}>"
    return (
        f"  /** `{operation.method} {operation.path}` */\n"
        f"  {name}(\n    {params},\n    options?: CommandOptions,\n  ): {returns};\n"
    )


def _parameter_type(parameter: Parameter) -> str:
    kind = " | ".join(map(json.dumps, parameter.allowed)) or _type(parameter.type)
    return f"{kind} | ReadonlyArray<{kind}>" if parameter.multiple else kind


def _type(described: str) -> str:
    if element := description.element(described):
        return f"{_type(element)}[]"
    return _PRIMITIVES.get(described, described)


def _model(name: str, model: Mapping[str, Any], base: str) -> str:
    fields = "".join(_property(key, described) for key, described in model["properties"].items())
    if base == "Event":
        fields = f"  type: {json.dumps(name)};\n{fields}"
    return f"export interface {name}{f' extends {base}' if base else ''} {{\n{fields}}}\n"


def _property(name: str, described: Mapping[str, Any]) -> str:
    known = described.get("allowableValues", {}).get("values", ())
    # Asterisk sends values that its description lacks, hence the open end.
    kind = " | ".join([*map(json.dumps, known), "(string & {})"]) if known else _type(described["type"])
    return f"  {_key(name)}{'' if described.get('required') else '?'}: {kind};\n"


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _events(names: Iterable[str]) -> str:
    lines = "".join(f"  {name}: {name};\n" for name in names)
    return f'/** Each type of event; "*" stands for all. */\nexport interface Events {{\n{lines}  "*": Event;\n}}\n'


if __name__ == "__main__":
    sys.stdout.write(declarations(Path(sys.argv[1])))
