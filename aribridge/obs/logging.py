"""One log for us and for the libraries we use: for people on a terminal, as JSON for machines, never with a secret."""

from __future__ import annotations

import atexit
import logging
import sys
from collections.abc import MutableMapping
from functools import cache
from typing import Any, TextIO

import structlog
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web import RequestPayloadError

from aribridge.core.settings import LogSettings
from aribridge.obs.outlet import Outlet
from aribridge.obs.redact import redact

STDERR = 2
"""The descriptor, whatever Python makes of it: where it was closed, there is no ``sys.stderr``."""

# Each of these says, per connection, what our own events say better.
CHATTY = ("aioice", "aiortc", "aiohttp.access", "asyncio")


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send all logging of this process to ``stream``, standard error by default; call it again to change it.

    Nobody waits for who reads standard error.
    """
    _configure(settings, stream or _standard_error())


@cache
def _standard_error() -> Outlet:
    outlet = Outlet(STDERR if sys.stderr is None else sys.stderr.fileno())
    atexit.register(outlet.drain)
    return outlet


def _configure(settings: LogSettings, stream: TextIO | Outlet) -> None:
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(as_json=_as_json(settings, stream), colors=stream.isatty()))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_is_worth_telling)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING) if level > logging.DEBUG else level)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Not what clients send that is no HTTP: it has its 400, and anybody could fill a disk with tracebacks of it."""
    fault = record.exc_info[1] if record.exc_info else None
    return not isinstance(fault, BadHttpMessage | RequestPayloadError)


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _formatter(*, as_json: bool, colors: bool) -> logging.Formatter:
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=colors)
    if as_json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Tracebacks become text before the redaction, since an exception's text may hold a secret.
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _redact,
            renderer,
        ],
    )


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    redacted: dict[str, Any] = redact(event)
    return redacted


def _as_json(settings: LogSettings, stream: TextIO | Outlet) -> bool:
    return settings.format == "json" or (settings.format == "auto" and not stream.isatty())
