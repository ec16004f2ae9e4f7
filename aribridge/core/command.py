"""An ARI command in the one form that every stage of its path works on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Command(Struct, frozen=True):
    """One ARI operation on one Asterisk.

    ``op`` is the operation id as ari-py names it (``channels.originate``); ``params`` holds path, query and body
    parameters alike, by the names of Asterisk's API description. Commands that came as method and path are brought
    into this form by the catalogue, so that policy and scripts have one thing to look at.
    """

    target: str
    op: str
    params: Mapping[str, Any] = {}


class Answer(Struct, frozen=True):
    """Asterisk's answer to a command: HTTP status, and the body as it came (None when there was none)."""

    status: int
    body: bytes | None = None
    content_type: str = ""
