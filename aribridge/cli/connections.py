"""`aribridge connections`: who is connected to the gateway that runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aribridge.cli.operator import done, socket_of
from aribridge.cli.options import config_options

HEAD = ("CONNECTION", "USER", "CARRIER", "PEER", "SINCE (UTC)", "SUBS", "INFLIGHT", "WAITING")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@config_options
def connections(*, as_json: bool, config: Path | None, assignments: tuple[str, ...]) -> None:
    """List who is connected to the running gateway: user, carrier, subscriptions, requests in flight, what waits."""
    report = done(socket_of(config, assignments), "/v1/connections")
    if as_json:
        click.echo(json.dumps(report))
        return
    rows = [HEAD, *map(_row, report["connections"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    user, since = one["user"], datetime.fromtimestamp(one["since"], UTC)
    who = "(not said yet)" if user is None else "@".join(filter(None, (user["sub"], user["tenant"])))
    counts = (str(one[name]) for name in ("subscriptions", "inflight", "waiting"))
    return (one["connection"], who, one["carrier"], one["peer"], f"{since:%m-%d %H:%M:%S}", *counts)
