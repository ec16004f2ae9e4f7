"""The settings as data: what the classes of ``core.settings`` say about each key."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a section: its type, its meaning, the unit of its value."""

    name: str
    kind: Any
    default: Any
    doc: str
    unit: str = ""
    secret: bool = False

    @property
    def item(self) -> Any:
        """The type of a list's items; None for what is no list."""
        return get_args(self.kind)[0] if get_origin(self.kind) is list else None

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a Literal; empty for other types."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


def is_section(kind: Any) -> TypeGuard[type]:
    """Whether a type is one of the classes of settings."""
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def settings_of(section: type) -> dict[str, Setting]:
    """The keys of a section's class, in the order of their definition."""
    hints = get_type_hints(section)
    return {
        item.name: Setting(item.name, hints[item.name], _default(item), **item.metadata)
        for item in dataclasses.fields(section)
    }


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return item.default
