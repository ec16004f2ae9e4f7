"""What the gateway says when it listens: every address, every Asterisk, the scripts, the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from aribridge import __version__
from aribridge.core.settings import Settings

if TYPE_CHECKING:
    from aribridge.server import Gateway

Row = tuple[str, str]


def banner(settings: Settings, gateway: Gateway, *, notes: Sequence[str], link: str) -> str:
    """Lines for a terminal; ``notes`` are about the private Asterisk, ``link`` signs in to the console."""
    rows = [*_listeners(settings, gateway), *_asterisks(gateway, settings), *(("", note) for note in notes)]
    rows += [("scripts", ", ".join(settings.scripts.files) or "none"), ("log", f"standard error, {settings.log.level}")]
    width = max(len(name) for name, _ in rows)
    lines = [f"aribridge {__version__}", *(f"  {name:<{width}}  {text}" for name, text in rows)]
    return "\n".join(["", *lines, *(["", f"Console, signed in: {link}"] if link else []), "Ctrl-C stops everything."])


def _listeners(settings: Settings, gateway: Gateway) -> Iterator[Row]:
    console = ", console" if settings.server.console else ""
    yield "browsers", f"{settings.server.listen} TCP: HTTP, WebSocket, Janus API{console} (server.listen)"
    for address in gateway.rtc.addresses:
        yield "WebRTC", f"{address} UDP (webrtc.udp)"
    yield "operators", f"http://{settings.server.admin} TCP: /healthz /readyz /metrics /version (server.admin)"


def _asterisks(gateway: Gateway, settings: Settings) -> Iterator[Row]:
    urls = {asterisk.name: asterisk.url for asterisk in settings.asterisk}
    for target in gateway.targets:
        state = f"Asterisk {target.link.version}" if target.link.up else "connecting (/readyz tells)"
        yield f"Asterisk {target.name}", f"{urls[target.name]}, application {target.link.app}, {state}"
