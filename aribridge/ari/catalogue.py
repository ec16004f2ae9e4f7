"""The operations of one Asterisk, as its own API description lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from aribridge.ari import paths
from aribridge.protocol.nearest import nearest
from aribridge.protocol.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Location = Literal["path", "query", "body"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; ``type`` is Swagger 1.1's: string, int, long, boolean, containers, object.

    ``containers`` in the body is a key of a JSON object, ``object`` is the whole body (so applications.filter has it).
    ``multiple``: a comma list, or a list of strings. ``allowed`` is empty where any value goes.
    """

    name: str
    location: Location
    type: str
    required: bool = False
    multiple: bool = False
    allowed: tuple[str, ...] = ()
    minimum: int | None = None
    default: Any = None
    description: str = ""

    @property
    def is_whole_body(self) -> bool:
        """Whether the value is the request's body, not a key in it."""
        return self.location == "body" and self.type == "object"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: ``id`` as ari-py has it (channels.originate), ``segments`` of its path with ``{name}`` for ids."""

    id: str
    method: str
    segments: tuple[str, ...]
    parameters: dict[str, Parameter]
    summary: str = ""
    notes: str = ""
    returns: str = "void"
    errors: dict[int, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The template, such as ``/channels/{channelId}``."""
        return "/" + "/".join(self.segments)

    @property
    def whole_body(self) -> Parameter | None:
        """The parameter that is the whole body, if there is one."""
        return next((p for p in self.parameters.values() if p.is_whole_body), None)


@dataclass(slots=True)
class _Node:
    """A segment of known paths; an id's node is under None."""

    children: dict[str | None, _Node] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)


class Catalogue:
    """Finds operations by id or by method and path."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = {operation.id: operation for operation in operations}
        self._root = _Node()
        self._names: dict[str, list[str]] = {}
        for operation in self._operations.values():
            self._insert(operation)
            resource, _, name = operation.id.partition(".")
            self._names.setdefault(resource, []).append(name)

    def __len__(self) -> int:
        return len(self._operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations.values())

    def find(self, op: str) -> Operation | None:
        """The operation of this id, if there is one."""
        return self._operations.get(op)

    def get(self, op: str) -> Operation:
        """The operation of this id. Raises Problem ``unknown_operation``, which names the nearest one."""
        operation = self.find(op)
        if operation is None:
            raise Problem("unknown_operation", f"This Asterisk has no operation {paths.shown(op)}{self._hint(op)}.")
        return operation

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """The operation behind method and path, with the decoded ids in the path.

        Raises Problem: ``bad_path``, ``bad_parameter``, ``unknown_operation``.
        """
        segments = paths.split(path)
        node = self._find(segments)
        operation = node.operations.get(method.upper()) if node else None
        if operation is None:
            raise Problem("unknown_operation", self._no_match(method, path, segments, node))
        return operation, _ids(operation, segments)

    def reaches(self, operation: Operation, segments: Sequence[str]) -> bool:
        """Whether this method and path lead Asterisk to the operation, not to another with a literal where an id is."""
        node = self._find(segments)
        return node is not None and node.operations.get(operation.method) is operation

    def to_json(self) -> list[dict[str, Any]]:
        """All operations as JSON values, for the console's forms and generated documentation."""
        return [_operation_json(operation) for operation in self]

    def _insert(self, operation: Operation) -> None:
        node = self._root
        for segment in operation.segments:
            node = node.children.setdefault(None if _is_id(segment) else segment, _Node())
        node.operations[operation.method] = operation

    def _find(self, segments: Sequence[str]) -> _Node | None:
        """Follow the path as Asterisk does: a literal wins over an id, and there is no way back."""
        node: _Node | None = self._root
        for segment in segments:
            if node is None:
                return None
            node = node.children.get(segment) or node.children.get(None)
        return node

    def _hint(self, op: str) -> str:
        near = self._meant_operation(op)
        return f"; the nearest is {near}" if near else "; see the list of operations in the console"

    def _meant_operation(self, op: str) -> str | None:
        """Compared part by part, which takes a fraction of the time; without its resource only an exact name counts."""
        resource, dot, name = op.partition(".")
        if not dot:
            return next((known for known in self._operations if known.endswith(f".{op}")), None)
        resource = resource if resource in self._names else nearest(resource, self._names, cutoff=0.5) or ""
        near = nearest(name, self._names.get(resource, ()), cutoff=0.5)
        return f"{resource}.{near}" if near else None

    def _no_match(self, method: str, path: str, segments: Sequence[str], node: _Node | None) -> str:
        if node and node.operations:
            return f"{paths.shown(path)} takes {', '.join(sorted(node.operations))}, not {paths.shown(method)}."
        node = self._meant(segments)
        near = node and (node.operations.get(method.upper()) or next(iter(node.operations.values()), None))
        hint = f"; the nearest is {near.method} {near.path} ({near.id})" if near else ""
        return f"This Asterisk has no {paths.shown(method)} {paths.shown(path)}{hint}."

    def _meant(self, segments: Sequence[str]) -> _Node | None:
        """Where the path leads with each unknown segment taken for the nearest known one."""
        node: _Node | None = self._root
        for segment in segments:
            if node is None:
                return None
            children = node.children
            near = nearest(segment, filter(None, children), cutoff=0.5)
            node = children.get(segment) or children.get(None) or children.get(near)
        return node


def _is_id(segment: str) -> bool:
    return segment.startswith("{")


def _ids(operation: Operation, segments: Sequence[str]) -> dict[str, str]:
    pairs = zip(operation.segments, segments, strict=True)
    return {template[1:-1]: segment for template, segment in pairs if _is_id(template)}


def _operation_json(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "method": operation.method,
        "path": operation.path,
        "summary": operation.summary,
        "notes": operation.notes,
        "returns": operation.returns,
        "params": [_parameter_json(parameter) for parameter in operation.parameters.values()],
        "errors": [{"status": status, "reason": reason} for status, reason in operation.errors.items()],
    }


def _parameter_json(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.location,
        "type": parameter.type,
        "required": parameter.required,
        "multiple": parameter.multiple,
        "allowed": list(parameter.allowed),
        "minimum": parameter.minimum,
        "default": parameter.default,
        "description": parameter.description,
    }
