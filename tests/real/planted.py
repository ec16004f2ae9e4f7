"""Secrets that gateways of tests are given, looked for wherever they must not come out.

Each gateway that a test starts is searched at its end: its log, its figures, its audit log. Clients search the errors
that they are told.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SHORTEST = 8
AROUND = 200
TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{4,}")
"""JSON Web Tokens, whoever made them."""

KNOWN: dict[str, str] = {}
"""What every gateway of this process was given: the secret, and what it is."""


def plant(settings: Mapping[str, Any], folder: Path) -> None:
    """Remember the secrets in a configuration, and in the files that it names."""
    KNOWN.update({value: name for name, value in _secrets(settings, folder) if len(value) >= SHORTEST})


def search(files: Iterable[Path]) -> None:
    """AssertionError with file, line and the name of a secret that is in one of these files."""
    for file in files:
        search_text(file.read_text(errors="replace"), str(file))


def search_text(text: str, where: str) -> None:
    """AssertionError with the place and the name of a secret that is in a text."""
    for secret, name in KNOWN.items():
        if secret in text:
            raise AssertionError(f"{where}: {name} is in {_shown(text, secret)}")
    if found := TOKEN.search(text):
        raise AssertionError(f"{where}: a token is in {_shown(text, found[0])}")


def _shown(text: str, secret: str) -> str:
    at = text.index(secret)
    around = text[max(0, at - AROUND) : at + len(secret) + AROUND].replace(secret, "<SECRET>")
    return f"line {text[:at].count(chr(10)) + 1}: …{around}…"


def _secrets(settings: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from _secrets(part, folder)
            elif key in {"password", "credential"}:
                yield key, str(part)
            elif key in {"password_file", "api_secret_file", "token_secret_file", "tls_key"} and part:
                yield from _in_file(key, folder / part, settings)
    if settings.get("algorithm") == "HS256" and "key_file" in settings:
        yield from _in_file("key_file", folder / settings["key_file"], settings)


def _in_file(key: str, file: Path, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not file.exists():
        return
    text = file.read_text().strip()
    if key == "tls_key":
        text = "".join(line for line in text.splitlines() if "-" not in line)[:64]
    yield key, text
    if key == "password_file":
        pair = f"{settings.get('user', 'aribridge')}:{text}"
        yield "the Authorization header for ARI", base64.b64encode(pair.encode()).decode()
