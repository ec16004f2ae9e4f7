"""Keeps secrets out of the log, whoever logs and whatever text they are part of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "[redacted]"
DEPTH = 8
TEXT = 16_384
_SHORT = 64

_WORDS = r"api_?key|api_?secret|token|passwd|password|secret|authorization|credential|cookie"
_TELLING = re.compile(_WORDS, re.IGNORECASE)
# The value ends where a query, a header, a JSON text or a sentence goes on.
# Every repetition has a bound or a start that cannot repeat, so that no text makes the search slow.
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # JSON and Python literals: "token": "…", with any escaped quotes inside, or a number.
        (
            rf"""((?:{_WORDS})[\w-]{{0,32}}["']\s{{0,4}}:\s{{0,4}})"""
            r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|-?[0-9][0-9.eE+-]*)""",
            rf"\1{HIDDEN}",
        ),
        # Schemes of the Authorization header, RFC 9110 section 11.6.2.
        (r"\b(Bearer|Basic|Digest)(\s{1,4})[\w.~+/=:-]+", rf"\1\2{HIDDEN}"),
        # Queries, forms, fragments, also when they are percent-encoded.
        (rf"((?:{_WORDS})[\w-]{{0,32}}(?:=|%3D))[^\s&#\"'<>,;]+", rf"\1{HIDDEN}"),
        # Signed URLs: whoever has the signature has what it signs.
        (r"([?&][\w.-]{0,64}sig(?:nature)?(?:=|%3D))[^\s&#\"'<>,;]+", rf"\1{HIDDEN}"),
        # Passwords in URLs: scheme://user:password@host.
        (r"(://[^\s/?#@:]{0,128}:)[^\s/?#@]{1,512}@", rf"\1{HIDDEN}@"),
        # Passwords in SIP URIs, RFC 3261 section 25.1.
        (r"\b(sips?:[\w.!~*'()%&=+$,;?/-]{1,128}:)[\w.!~*'()%&=+$,-]{1,512}@", rf"\1{HIDDEN}@"),
        # JSON Web Tokens: the header is an object, whose base64 begins with eyJ.
        (r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]*(?:\.[\w-]*)?", HIDDEN),
        # Signed tokens of the Janus API: the signature is the base64 of 20 bytes.
        (r"(\b\d{1,12},janus[^\s:]{0,512}:)[\w+/]{27}=?", rf"\1{HIDDEN}"),
    )
)
_SIGNS = (
    *("api", "token", "passw", "secret", "authorization", "credential", "cookie"),
    *("bearer", "basic", "digest", "://", "sip:", "sips:", "eyj", ",janus", "sig"),
)
"""One of these, in small letters, is in whatever a pattern finds: most texts have none, and need no search."""


def redact(value: Any, depth: int = 0) -> Any:
    """A copy without secrets: what stands under a telling key, and what looks like a credential in any text."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode(errors="backslashreplace"))
    if depth == DEPTH and isinstance(value, Mapping | list | tuple | set | frozenset):
        return "…"
    if isinstance(value, Mapping):
        return dict(_member(key, item, depth) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else redact_text(str(value))


def redact_text(text: str) -> str:
    """The text, cut to what a log can bear, with each credential in it replaced."""
    if len(text) > TEXT:
        text = f"{text[:TEXT]}…"
    if text.isascii() and not _has_sign(text.lower()):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _has_sign(small: str) -> bool:
    for sign in _SIGNS:  # noqa: SIM110 - any() takes twice as long
        if sign in small:
            return True
    return False


def _member(key: Any, item: Any, depth: int) -> tuple[str, Any]:
    name = str(key)
    shown, is_telling = _known(name) if len(name) <= _SHORT else _judged(name)
    if is_telling and item is not None and not isinstance(item, bool):
        return shown, HIDDEN
    return shown, redact(item, depth + 1)


def _judged(key: str) -> tuple[str, bool]:
    """A key as it may be shown, and whether what stands under it is a secret."""
    return redact_text(key), _TELLING.search(key) is not None


_known = lru_cache(1024)(_judged)
"""Keys are the same few again and again; long ones are not kept."""
