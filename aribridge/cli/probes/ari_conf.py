"""What Asterisk's own configuration says, where it can be read from here."""

from __future__ import annotations

from configparser import ConfigParser, Error
from pathlib import Path

from aribridge.cli.probes.finding import Finding
from aribridge.core.settings import AsteriskSettings

WHAT = "ari.conf"
ENOUGH_MS = 1000
DEFAULT_MS = 100
"""Less than one pause of a garbage collector (res/ari/config.c: the default of websocket_write_timeout)."""


def look(settings: AsteriskSettings, folder: Path) -> Finding:
    """How long Asterisk waits for a slow event socket before it cuts it."""
    what, file = f"asterisk {settings.name}", folder / WHAT
    try:
        general = _general(file)
        found = int(general.get("websocket_write_timeout", str(DEFAULT_MS)).removeprefix(">"))
    except (OSError, ValueError, Error):
        remedy = f"Look there: grep websocket_write_timeout {file}; 5000 is good, 100 the default."
        return Finding("unknown", what, f"its write timeout is not visible from here ({file} cannot be read)", remedy)
    if found < ENOUGH_MS:
        text = f"it cuts an event socket that is slow for {found} ms (websocket_write_timeout of {file})"
        return Finding("warn", what, text, "Set websocket_write_timeout=5000 in [general], module reload res_ari.so")
    return Finding("ok", what, f"websocket_write_timeout of {file} is {found} ms")


def _general(file: Path) -> dict[str, str]:
    """The section [general], where ``=>`` leaves its ``>``. Raises OSError, configparser.Error."""
    parser = ConfigParser(
        delimiters=("=",),
        comment_prefixes=(";", "#"),
        inline_comment_prefixes=(";",),
        strict=False,
        allow_no_value=True,
        interpolation=None,
    )
    # For Asterisk a line is a line, however far it is indented.
    parser.read_string("\n".join(line.strip() for line in file.read_text(errors="replace").splitlines()))
    section = parser["general"] if parser.has_section("general") else {}
    return {name: value or "" for name, value in section.items()}
