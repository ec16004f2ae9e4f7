"""`aribridge log-level`: log more, or less, without a restart."""

from __future__ import annotations

from pathlib import Path

import click

from aribridge.cli.operator import done, socket_of
from aribridge.cli.options import config_options


@click.command(name="log-level")
@click.argument("level", type=click.Choice(["debug", "info", "warning", "error"]))
@config_options
def log_level(*, level: str, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Set the least severity that the running gateway logs, until it ends."""
    report = done(socket_of(config, assignments), f"/v1/log-level?level={level}", "PUT")
    click.echo(f"{report['before']} before, {report['now']} now")
