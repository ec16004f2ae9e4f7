"""What the log looks like, for us and for the libraries we use."""

import io
import json
import logging

import pytest
import structlog

from aribridge.core.settings import LogSettings
from aribridge.obs.logging import configure


@pytest.fixture
def stream():
    """A stream for the log; afterwards logging is as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_has_level_logger_time_and_details(stream):
    configure(LogSettings(format="json"), stream)
    structlog.get_logger("aribridge.ari").info("link.up", target="pbx", version="22.10.1")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "link.up",
        "level": "info",
        "logger": "aribridge.ari",
        "target": "pbx",
        "version": "22.10.1",
    }


def test_libraries_log_the_same_way(stream):
    configure(LogSettings(format="json"), stream)
    logging.getLogger("aiohttp.server").error("Error handling request %s", "/janus?token=abc.def.ghi")
    assert lines(stream)[0]["event"] == "Error handling request /janus?token=[redacted]"
    assert lines(stream)[0]["logger"] == "aiohttp.server"


def test_the_level_holds_for_everybody(stream):
    configure(LogSettings(level="warning", format="json"), stream)
    structlog.get_logger("aribridge.ari").info("link.up")
    logging.getLogger("other").info("x")
    structlog.get_logger("aribridge.ari").warning("link.down")
    assert [line["event"] for line in lines(stream)] == ["link.down"]


def test_access_logs_and_candidate_checks_are_for_debugging(stream):
    configure(LogSettings(format="json"), stream)
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("aioice.ice").info("Check")
    assert lines(stream) == []
    configure(LogSettings(level="debug", format="json"), stream)
    logging.getLogger("aioice.ice").info("Check")
    assert len(lines(stream)) == 1


@pytest.mark.parametrize("format_name", ["json", "console"])
def test_a_traceback_shows_no_secret(stream, format_name):
    configure(LogSettings(format=format_name), stream)
    try:
        raise ValueError("GET http://pbx/ari/events?api_key=aribridge:hunter2hunter2 failed")
    except ValueError:
        structlog.get_logger("aribridge.ari").exception("link.failed", password="hunter2hunter2")
        logging.getLogger("aiohttp").exception("Bearer %s", "hunter2hunter2")
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("Traceback") == 2


def test_console_for_people(stream):
    configure(LogSettings(format="console"), stream)
    structlog.get_logger("aribridge.ari").info("link.up", target="pbx")
    assert "link.up" in stream.getvalue()
    assert "target=pbx" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
