"""`aribridge reload`: have the gateway that runs load its scripts, policy, keys and certificate anew."""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path

import click

from aribridge.cli.operator import PATIENCE, ask, socket_of
from aribridge.cli.options import Failure, config_options, load_settings


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
    for file in _named_since(config, assignments, result["files"]):
        click.echo(f"{'not yet':9}  {file}: named in scripts.files since the gateway started, a restart loads it")


def _named_since(config: Path | None, assignments: tuple[str, ...], loaded: list[str]) -> list[str]:
    """Scripts that the configuration names by now; none where it is wrong by now, which concerns the next start."""
    try:
        named = load_settings(config, assignments, complete=False).scripts.files
    except Failure:
        return []
    return [file for file in named if file not in loaded and os.path.isabs(file)]
