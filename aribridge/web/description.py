"""Asterisk's API description, as the generators of type declarations need it.

Only names and types are for taking over, none of the description's prose; its form is Swagger 1.1 (Asterisk
documentation, "Asterisk REST Interface").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from aribridge.ari.catalogue import Operation
from aribridge.ari.description import read_catalogue
from aribridge.ari.rules import fill

_BASES = ("Message", "Event")
"""The models that events inherit from."""


@dataclass(frozen=True, slots=True)
class Description:
    """The operations by resource, and the models by name, of the ARI of a version such as ``10.0.0``."""

    version: str
    resources: Mapping[str, list[Operation]]
    models: Mapping[str, Mapping[str, Any]]

    @property
    def events(self) -> list[str]:
        """The types of events, which are names of models."""
        return sorted(self.models.get("Event", {}).get("subTypes", ()))

    def base(self, name: str) -> str:
        """The nearest model that lists this one among its subtypes, or nothing."""
        return next((base for base in reversed(_BASES) if name in self.models.get(base, {}).get("subTypes", ())), "")


def read(folder: Path) -> Description:
    """The description in Asterisk's folder ``rest-api``. Raises OSError or ValueError where it holds none."""
    index = json.loads((folder / "resources.json").read_bytes())
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.json")) if path.name != "resources.json"}
    documents = map(json.loads, files.values())
    models = {name: model for document in documents for name, model in document.get("models", {}).items()}
    grouped = groupby(read_catalogue(files.items()), lambda operation: operation.id.partition(".")[0])
    resources = {name: list(operations) for name, operations in grouped}
    return Description(index["apiVersion"], resources, dict(sorted(models.items())))


def needed(operation: Operation) -> set[str]:
    """The parameters that a caller cannot leave out; some that Asterisk requires are filled in by the gateway."""
    may_lack = fill(operation, {}, "the gateway's")
    return {name for name, parameter in operation.parameters.items() if parameter.required and name not in may_lack}


def element(described: str) -> str | None:
    """The type of a list's elements, by the description's name for the list; None for what is no list."""
    return described[len("List[") : -1] if described.startswith("List[") else None
