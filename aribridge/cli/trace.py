"""`aribridge trace`: what happened to a call, asked of the gateway that runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from aribridge.cli.options import Failure, config_options, load_settings

SECONDS = 10.0


@click.command()
@click.argument("call")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@config_options
def trace(*, call: str, as_json: bool, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Show the events, commands, script log lines and errors of CALL in order, from the gateway's memory.

    CALL is the id of any of its channels, or the beginning of one. The gateway remembers the last 1,000 calls.
    """
    report = _ask(Path(load_settings(config, assignments, complete=False).state), f"/v1/trace/{quote(call, safe='')}")
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"{report['target']}: {', '.join(report['channels'])}")
    if report["left_out"]:
        click.echo(f"… {report['left_out']} earlier entries were too many to keep")
    for entry in report["entries"]:
        at = datetime.fromtimestamp(entry["at"], UTC)
        click.echo(f"{at:%H:%M:%S}.{at.microsecond // 1000:03} {entry['what']:7} {entry['text']}")


def _ask(folder: Path, path: str) -> dict[str, Any]:
    """GET a path of the gateway that keeps its state in the folder, or end the command with what is wrong."""
    import asyncio

    import aiohttp

    from aribridge.server.local import SOCKET

    try:
        status, report = asyncio.run(_get(str(folder / SOCKET), path))
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        text = f"The gateway does not answer at {folder / SOCKET}: {error or 'it took too long'}.\nIs it running, with"
        raise Failure(f"{text} this configuration (state in aribridge.toml), and as a user you may act for?") from None
    if status != 200:
        raise Failure("\n".join([str(report["error"]), *report.get("channels", ())]))
    return report


async def _get(socket: str, path: str) -> tuple[int, dict[str, Any]]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket), timeout=timeout) as http,
        http.get(f"http://gateway{path}") as response,
    ):
        return response.status, await response.json()
