"""`aribridge call`: an ARI request through the gateway that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from aribridge.cli.operator import PATIENCE, done, socket_of
from aribridge.cli.options import Failure, config_options


@click.command()
@click.argument("method")
@click.argument("path")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--body", help='JSON object to send along, such as \'{"variables": {"X": "1"}}\'.')
@click.option("--target", help="Which Asterisk; needed only where several are configured.")
@config_options
def call(
    *,
    method: str,
    path: str,
    parameters: tuple[str, ...],
    body: str | None,
    target: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Send Asterisk an ARI request through the running gateway, such as GET /channels, and print the answer's body.

    It goes the way of clients' requests, scripts included, by the subject `operator`, and is logged. Exits 1 when the
    answer is an error.
    """
    request: dict[str, Any] = {"method": method.upper(), "path": path, "query": _query(parameters)}
    request |= {"body": _body(body)} if body is not None else {}
    request |= {"target": target} if target is not None else {}
    reply = done(socket_of(config, assignments), "/v1/call", "POST", PATIENCE, request)
    if reply.get("body") is not None:
        click.echo(json.dumps(reply["body"], indent=2, ensure_ascii=False))
    if "error" in reply:
        error = reply["error"]
        raise Failure(f"{reply['status']} {error['code']} ({error['outcome']}): {error['detail']}")


def _query(parameters: tuple[str, ...]) -> dict[str, str]:
    if not all("=" in parameter for parameter in parameters):
        raise click.UsageError("parameters are NAME=VALUE, such as endpoint=PJSIP/200")
    return dict(parameter.partition("=")[::2] for parameter in parameters)


def _body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise click.UsageError("--body takes a JSON object")
    return body
