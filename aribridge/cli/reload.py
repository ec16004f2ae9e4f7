"""`aribridge reload`: have the gateway that runs load its scripts, policy, keys and certificate anew."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import click

from aribridge.cli.operator import PATIENCE, ask, socket_of
from aribridge.cli.options import Failure, config_options


@click.command(name="reload")
@config_options
def reload(*, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Load scripts, policy, keys, Janus secrets and certificate anew, as SIGHUP does, and say what changed.

    Exits 1 when one does not load: then nothing has changed.
    """
    status, result = ask(socket_of(config, assignments), "POST", "/v1/scripts/reload", PATIENCE)
    if status != HTTPStatus.OK:
        raise Failure(f"{result['error']}\nNothing has changed: all goes on as before.")
    if not result["files"]:
        click.echo("nothing to load: no file is named in scripts, [[janus.lua]], [auth] and what is in it")
    for file in result["files"]:
        click.echo(f"{'changed' if file in result['changed'] else 'as before':9}  {file}")
