"""`aribridge trace`: what happened to a call, asked of the gateway that runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import click

from aribridge.cli.operator import ask, socket_of
from aribridge.cli.options import Failure, config_options


@click.command()
@click.argument("call")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@config_options
def trace(*, call: str, as_json: bool, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Show the events, commands, script log lines and errors of CALL in order, from the gateway's memory.

    CALL is the id of any of its channels, or the beginning of one. The gateway remembers the last 1,000 calls.
    """
    status, report = ask(socket_of(config, assignments), "GET", f"/v1/trace/{quote(call, safe='')}")
    if status != HTTPStatus.OK:
        raise Failure("\n".join([str(report["error"]), *report.get("channels", ())]))
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"{report['target']}: {', '.join(report['channels'])}")
    if report["left_out"]:
        click.echo(f"… {report['left_out']} earlier entries were too many to keep")
    for entry in report["entries"]:
        at = datetime.fromtimestamp(entry["at"], UTC)
        click.echo(f"{at:%H:%M:%S}.{at.microsecond // 1000:03} {entry['what']:7} {entry['text']}")
