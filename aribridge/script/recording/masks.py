"""What a recording leaves out: digits that callers press, values of variables, and whatever looks like a credential."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aribridge.obs.redact import HIDDEN, redact

DIGIT = "x"
"""Stands for a digit that somebody pressed."""

_SAID = re.compile(r"^(digits|characters):.*")
_VARIABLES = ("variables", "channelvars", "userevent")


def masked_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as it is kept."""
    copy: dict[str, Any] = _masked(redact(event))
    if "digit" in copy:
        copy["digit"] = DIGIT
    if event.get("type") == "ChannelVarset":
        copy["value"] = HIDDEN
    return copy


def masked_params(op: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a command as they are kept."""
    copy: dict[str, Any] = _masked(redact(params))
    if op == "channels.setChannelVar" and "value" in copy:
        copy["value"] = HIDDEN
    if "dtmf" in copy:
        copy["dtmf"] = DIGIT * len(str(params["dtmf"]))
    return copy


def masked_body(op: str, body: Any) -> Any:
    """An answer as it is kept."""
    copy = _masked(redact(body))
    if isinstance(copy, dict) and op in {"channels.getChannelVar", "asterisk.getGlobalVar"}:
        return copy | {"value": HIDDEN}
    return copy


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _SAID.sub(rf"\1:{HIDDEN}", value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, dict):
        return {key: _hidden(item) if key in _VARIABLES else _masked(item) for key, item in value.items()}
    return value


def _hidden(values: Any) -> Any:
    """The names of variables, without their values."""
    return dict.fromkeys(values, HIDDEN) if isinstance(values, dict) else HIDDEN
