"""`aribridge kick`: end a client's connection."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

import click

from aribridge.cli.operator import done, socket_of
from aribridge.cli.options import config_options


@click.command()
@click.argument("connection")
@click.option("--reason", default="", help="What the client is told.")
@config_options
def kick(*, connection: str, reason: str, config: Path | None, assignments: tuple[str, ...]) -> None:
    """End a connection, by its id in `aribridge connections`.

    The client is told not to come back (goodbye `kicked`); one whose token is good still can.
    """
    path = f"/v1/connections/{quote(connection, safe='')}/kick?{urlencode({'reason': reason})}"
    done(socket_of(config, assignments), path, "POST")
    click.echo(f"{connection}: told to go")
