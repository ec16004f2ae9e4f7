"""Asks an Asterisk for its version, as its HTTP server tells it to anybody."""

from __future__ import annotations

import contextlib
import re
import urllib.error
import urllib.request
from http.client import HTTPException

SECONDS = 3.0


def ask_version(url: str) -> tuple[int, ...] | None:
    """The version in the Server header, such as (22, 10, 1); None where there is no answer or it does not tell."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    header = ""
    with contextlib.suppress(OSError, HTTPException):
        try:
            with opener.open(f"{url.rstrip('/')}/asterisk/ping", timeout=SECONDS) as response:
                header = response.headers.get("Server", "")
        except urllib.error.HTTPError as refused:  # Without credentials it answers 401, header included.
            header = refused.headers.get("Server", "")
    found = re.search(r"Asterisk/(?:certified[/-])?(\d+(?:\.\d+)*)", header)
    return tuple(map(int, found[1].split("."))) if found else None
