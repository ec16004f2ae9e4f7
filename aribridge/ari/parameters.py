"""Checks the parameters of a command against the catalogue, before anything is sent.

Asterisk itself ignores unknown parameters and takes ``timeout=abc`` for 0, so a mistake would go unnoticed there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aribridge.ari import paths
from aribridge.protocol.nearest import nearest
from aribridge.protocol.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aribridge.ari.catalogue import Operation, Parameter

    _Check = Callable[[Operation, Parameter, Any], Any]

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


def check(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters in their proper types; a null counts as left out.

    Numbers and booleans may come as text, comma lists as text or list. Raises Problem ``missing_parameter`` or
    ``bad_parameter``, which names the parameter.
    """
    checked = {name: _check_one(operation, name, value) for name, value in given.items() if value is not None}
    for parameter in operation.parameters.values():
        if parameter.required and parameter.name not in checked:
            raise Problem("missing_parameter", f"{operation.id} needs {parameter.name}{_purpose(parameter)}.")
    return checked


def of_body(operation: Operation, body: Any) -> dict[str, Any]:
    """The parameters that the JSON body of a request holds. Raises Problem ``bad_parameter``."""
    if body is None:
        return {}
    if operation.whole_body is not None:
        return {operation.whole_body.name: body}
    if not isinstance(body, dict):
        raise Problem("bad_parameter", f"{operation.id}: the body must be a JSON object of parameters.")
    return {name: _one_item(operation, name, value) for name, value in body.items()}


def _one_item(operation: Operation, name: str, value: Any) -> Any:
    """Text in ARI's JSON bodies is one item; only in a query Asterisk splits it at commas."""
    parameter = operation.parameters.get(name)
    return [value] if parameter is not None and parameter.multiple and isinstance(value, str) else value


def _check_one(operation: Operation, name: str, value: Any) -> Any:
    parameter = operation.parameters.get(name)
    if parameter is None:
        raise _unknown(operation, name)
    if parameter.multiple and isinstance(value, list | tuple):
        return [_check_value(operation, parameter, item) for item in value]
    if parameter.multiple and parameter.allowed and isinstance(value, str):
        return [_check_value(operation, parameter, item) for item in value.split(",")]
    return _check_value(operation, parameter, value)


def _check_value(operation: Operation, parameter: Parameter, value: Any) -> Any:
    convert: _Check = _CHECKS.get(parameter.type, _string)
    proper = convert(operation, parameter, value)
    # A list of one is no choice: externalMedia's direction lists "both" alone, and Asterisk takes more.
    if len(parameter.allowed) > 1 and proper not in parameter.allowed:
        raise _bad(operation, parameter, f"must be one of {', '.join(parameter.allowed)}{_nearest(proper, parameter)}")
    if parameter.minimum is not None and proper < parameter.minimum:
        raise _bad(operation, parameter, f"must be {parameter.minimum} or more")
    return proper


def _string(operation: Operation, parameter: Parameter, value: Any) -> str:
    if not isinstance(value, str):
        example = f', such as "{value}"' if isinstance(value, int) and not isinstance(value, bool) else ""
        raise _bad(operation, parameter, f"must be a string{example}")
    if "\0" in value or not paths.is_encodable(value):
        raise _bad(operation, parameter, "holds a character that cannot be sent to Asterisk")
    if parameter.location == "path" and not paths.is_segment(value):
        raise _bad(operation, parameter, "cannot be an id: empty, a dot segment, or with control characters in it")
    return value


def _integer(operation: Operation, parameter: Parameter, value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _bad(operation, parameter, "must be an integer")
    # Asterisk takes 4294967297 for 1.
    most = 2**63 if parameter.type == "long" else 2**31
    if not -most <= value < most:
        raise _bad(operation, parameter, f"must be from {-most} to {most - 1}")
    return value


def _boolean(operation: Operation, parameter: Parameter, value: Any) -> bool:
    proper = _BOOLEANS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(proper, bool):
        raise _bad(operation, parameter, "must be true or false")
    return proper


def _containers(operation: Operation, parameter: Parameter, value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise _bad(operation, parameter, "must be a JSON object or a list of objects")
    return value


_CHECKS: dict[str, _Check] = {
    "string": _string,
    "int": _integer,
    "long": _integer,
    "boolean": _boolean,
    "containers": _containers,
    "object": _containers,
}


def _unknown(operation: Operation, name: str) -> Problem:
    if name.lower() == "api_key":
        return paths.api_key_refused()
    near = nearest(name, operation.parameters, cutoff=0.5)
    known = ", ".join(operation.parameters) or "none at all"
    hint = f"did you mean {near}?" if near else f"it has {known}."
    return Problem("bad_parameter", f"{operation.id} has no parameter {paths.shown(name)}; {hint}")


def _bad(operation: Operation, parameter: Parameter, fault: str) -> Problem:
    return Problem("bad_parameter", f"{operation.id}: {parameter.name} {fault}.")


def _nearest(value: str, parameter: Parameter) -> str:
    near = nearest(value, parameter.allowed)
    return f"; did you mean {near}?" if near else ""


def _purpose(parameter: Parameter) -> str:
    return f" ({parameter.description.rstrip('.')})" if parameter.description else ""
