"""Reads the API description that Asterisk serves under ``/api-docs`` (Swagger 1.1) into a catalogue.

Only what Asterisk 16 to 23 write is relied on; keys that a later one adds are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from aribridge.ari.catalogue import Catalogue, Location, Operation, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

INDEX = "/api-docs/resources.json"


class _AllowedValues(msgspec.Struct):
    values: list[Any] = []
    min: int | None = None


class _Parameter(msgspec.Struct, rename="camel"):
    name: str
    param_type: Location
    data_type: str
    required: bool = False
    allow_multiple: bool = False
    allowable_values: _AllowedValues = msgspec.field(default_factory=_AllowedValues)
    default_value: Any = None
    description: str = ""


class _Error(msgspec.Struct):
    code: int
    reason: str = ""


class _Operation(msgspec.Struct, rename="camel"):
    http_method: str
    nickname: str
    parameters: list[_Parameter] = []
    summary: str = ""
    notes: str = ""
    response_class: str = "void"
    error_responses: list[_Error] = []


class _Api(msgspec.Struct):
    path: str
    operations: list[_Operation] = []


class _Document(msgspec.Struct):
    apis: list[_Api]


def resource_paths(index: bytes) -> list[str]:
    """The paths of the resources' own files, from the index. Raises ValueError if it is no index."""
    return [api.path.replace("{format}", "json") for api in _decode(index).apis]


def read_catalogue(files: Iterable[tuple[str, bytes]]) -> Catalogue:
    """The catalogue described by these files, each with its path. Raises ValueError for what is no description."""
    return Catalogue(operation for path, content in files for operation in _read_file(path, content))


def _read_file(path: str, content: bytes) -> Iterator[Operation]:
    resource = path.rpartition("/")[2].removesuffix(".json")
    for api in _decode(content).apis:
        for described in api.operations:
            yield _read_operation(resource, api.path, described)


def _decode(content: bytes) -> _Document:
    try:
        # Not strict: some numbers are written as strings.
        return msgspec.json.decode(content, type=_Document, strict=False)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a Swagger 1.1 document: {error}") from error


def _read_operation(resource: str, path: str, described: _Operation) -> Operation:
    return Operation(
        id=f"{resource}.{described.nickname}",
        method=described.http_method,
        segments=tuple(path.removeprefix("/").split("/")),
        parameters={parameter.name: _read_parameter(parameter) for parameter in described.parameters},
        summary=described.summary,
        notes=described.notes,
        returns=described.response_class,
        errors={error.code: error.reason for error in described.error_responses},
    )


def _read_parameter(described: _Parameter) -> Parameter:
    return Parameter(
        name=described.name,
        location=described.param_type,
        type=described.data_type,
        # Asterisk forgets to say so of the ids in some paths.
        required=described.required or described.param_type == "path",
        multiple=described.allow_multiple,
        allowed=tuple(map(str, described.allowable_values.values)),
        minimum=described.allowable_values.min,
        default=described.default_value,
        description=described.description,
    )
