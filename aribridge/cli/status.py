"""`aribridge status`: how the gateway that runs is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aribridge.cli.operator import done, socket_of
from aribridge.cli.options import config_options


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@config_options
def status(*, as_json: bool, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Show how the running gateway is: each Asterisk with its link and stream, clients, listeners."""
    report = done(socket_of(config, assignments), "/v1/status")
    click.echo(json.dumps(report) if as_json else "\n".join(_lines(report)))


def _lines(report: dict[str, Any]) -> Iterator[str]:
    since = datetime.fromtimestamp(report["started"], UTC)
    stopping = ", stopping" if report["draining"] else ""
    yield f"aribridge {report['version']}, process {report['pid']}, since {since:%Y-%m-%d %H:%M:%S} UTC{stopping}"
    files = report["open_files"]
    clients = ", ".join(f"{count} {carrier}" for carrier, count in report["connections"].items()) or "none"
    yield f"connections: {clients}; WebRTC peers: {report['peers']}; open files: {files['used']} of {files['limit']}"
    for key, addresses in report["listeners"].items():
        if addresses:
            yield f"{key}: {', '.join(addresses)}"
    yield _audit(report["audit"])
    for target in report["targets"]:
        yield from _target(target)


def _audit(audit: dict[str, Any]) -> str:
    if audit["fault"]:
        return f"audit log: NOT WRITTEN: {audit['fault']}"
    return f"audit log: {audit['file'] or 'none (audit.enabled)'}"


def _target(target: dict[str, Any]) -> Iterator[str]:
    how = "up" if target["up"] else "standing by" if target["standby"] else "DOWN"
    version = target["asterisk"] or "not seen yet"
    yield f"{target['name']}: {how}, Asterisk {version}, application {target['app']}, {target['link']}"
    stream = target["stream"]
    objects = ", ".join(f"{count} {kind}" for kind, count in target["objects"].items())
    yield f"  stream {stream['epoch']} at {stream['seq']}, {target['views']} views; {objects}"
    if target["reason"]:
        yield f"  {target['reason']}"
