"""A commented configuration file, written from the definitions of the settings.

``python -m aribridge.config example > conf/aribridge.toml`` writes the one that the project carries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from aribridge.config.schema import Setting, is_section, settings_of
from aribridge.core.settings import Settings

HEAD = """\
# Configuration of aribridge.
#
# Every setting is here with its default, commented out: remove the # in front of a key to change it.
# Environment variables come before this file (ARIBRIDGE_SERVER__LISTEN, ARIBRIDGE_ASTERISK__0__PASSWORD), --set flags
# before both. Relative paths start from this file's folder. `aribridge check` tells what is wrong, with line numbers.
"""


def write_example(settings: Settings) -> str:
    """The settings as a TOML file that explains every key; what is as by default is commented out."""
    return HEAD + "\n".join(["", *_table(settings, "")]) + "\n"


def toml_value(value: Any) -> str:
    """A value of a setting in TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    # JSON's texts, numbers and booleans are TOML's too, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(section: Any, name: str) -> Iterator[str]:
    """The keys of a section, then its subsections."""
    known = settings_of(type(section))
    plain = [setting for setting in known.values() if not is_section(setting.kind) and not is_section(setting.item)]
    for setting in plain:
        yield from _key(setting, getattr(section, setting.name))
    for setting in known.values():
        title = f"{name}.{setting.name}" if name else setting.name
        value = getattr(section, setting.name)
        if is_section(setting.kind):
            yield from ["", f"# {setting.doc}", f"[{title}]", *_table(value, title)]
        elif is_section(setting.item):
            yield from _array(setting, title, value)


def _array(setting: Setting, title: str, sections: list[Any]) -> Iterator[str]:
    yield from ["", f"# {setting.doc}"]
    for section in sections:
        yield from [f"[[{title}]]", *_table(section, title)]
    if not sections:
        # A header that is not commented out would already define one.
        yield from [f"#[[{title}]]", *_table(setting.item(), title)]


def _key(setting: Setting, value: Any) -> Iterator[str]:
    choices = f" One of {', '.join(setting.choices)}." if setting.choices else ""
    unit = f" ({setting.unit})" if setting.unit else ""
    yield f"# {setting.doc}{choices}{unit}"
    comment = "#" if value == setting.default else ""
    yield f"{comment}{setting.name} = {toml_value(value)}"
