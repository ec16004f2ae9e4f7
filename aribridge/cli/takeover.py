"""`aribridge takeover`: the gateway that stands by serves an Asterisk from now on."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import click

from aribridge.cli.operator import PATIENCE, ask, socket_of
from aribridge.cli.options import Failure, config_options


@click.command()
@click.argument("target", required=False)
@config_options
def takeover(*, target: str | None, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Take an Asterisk over from the other gateway of a pair.

    TARGET is the name of its [[asterisk]] section; it may be left out where there is one only. The gateway that runs on
    this machine takes the application, the other one stands by from then on, and calls go on.
    """
    query = urlencode({"target": target} if target else {})
    status, report = ask(socket_of(config, assignments), "POST", f"/v1/takeover?{query}", PATIENCE)
    if status != HTTPStatus.OK:
        raise Failure(str(report["error"]))
    name = report["target"]
    if report["taken"]:
        click.echo(f"{name}: taken over in {report['seconds']:.2f} s; the state of its calls is known.")
    else:
        click.echo(f"{name}: this gateway serves it already.")
