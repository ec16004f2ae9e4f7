"""`aribridge tail`: the event stream of the gateway that runs, live."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlencode

import click

from aribridge.cli.operator import socket_of, stream
from aribridge.cli.options import config_options


@click.command()
@click.option("--type", "types", multiple=True, metavar="GLOB", help="Events of these types only, such as 'Stasis*'.")
@click.option("--channel", "channels", multiple=True, metavar="ID", help="What names one of these channels only.")
@click.option("--state", is_flag=True, help="The state of calls and its changes, instead of events.")
@click.option("--target", help="Which Asterisk; needed only where several are configured.")
@config_options
def tail(
    *,
    types: tuple[str, ...],
    channels: tuple[str, ...],
    state: bool,
    target: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Show the event stream of the running gateway as it comes, one JSON message of the protocol a line.

    Ctrl-C ends it.
    """
    query = [("type", one) for one in types] + [("channel", one) for one in channels]
    query += [("mode", "state" if state else "events")]
    query += [("target", target)] if target is not None else []
    try:
        stream(socket_of(config, assignments), f"/v1/tail?{urlencode(query)}", _write)
    except KeyboardInterrupt:
        return


def _write(part: bytes) -> None:
    sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
