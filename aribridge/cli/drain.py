"""`aribridge drain`: begin a planned stop."""

from __future__ import annotations

from pathlib import Path

import click

from aribridge.cli.operator import done, socket_of
from aribridge.cli.options import config_options


@click.command()
@config_options
def drain(*, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Begin a planned stop of the running gateway, as SIGTERM does: no new work, then goodbyes, then its end."""
    done(socket_of(config, assignments), "/v1/drain", "POST")
    click.echo("The gateway finishes what is in flight, takes leave of its clients, and ends.")
