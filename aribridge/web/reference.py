"""Writes the tables of the protocol page from the ones that the gateway works by.

python -m aribridge.web.reference docs/protocol.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

from aribridge.protocol.goodbyes import GOODBYES
from aribridge.protocol.problems import KINDS

_PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return the page with each table between its marks as it should be."""
    return _PLACE.sub(lambda place: f"{place[1]}{_TABLES[place[2]]()}{place[3]}", page)


def _problems() -> str:
    rows = ((f"`{kind.code}`", str(kind.status), kind.cause, kind.remedy) for kind in KINDS.values())
    return _table(("code", "status", "what it means", "how to mend it"), rows)


def _goodbyes() -> str:
    rows = ((f"`{it.slug}`", str(it.code), it.reconnect, it.meaning) for it in GOODBYES.values())
    return _table(("slug", "code", "reconnect", "what it means"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(escape(cell, quote=False) for cell in cells)} |\n" for cells in lines)


_TABLES = {"problems": _problems, "goodbyes": _goodbyes}

if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(filled(path.read_text()))
