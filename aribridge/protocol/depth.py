"""How deep JSON is nested, told from its text: reading it is what the depth would make costly."""

from __future__ import annotations

import re

_STRINGS = re.compile(r'"(?:[^"\\]+|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def is_deeper(text: str, levels: int) -> bool:
    """Whether objects and arrays in a text are nested in more than so many levels."""
    if text.count("{") + text.count("[") <= levels:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "{[" else -1
        if depth > levels:
            return True
    return False
