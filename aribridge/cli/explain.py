"""`aribridge explain`: may this token, or this role, do that, and why."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aribridge.cli.operator import settings_at_work
from aribridge.cli.options import Failure, config_options

if TYPE_CHECKING:
    from aribridge.core.principal import Principal
    from aribridge.core.settings import Settings


@click.command()
@click.argument("operation")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--token", "by_token", is_flag=True, help="Read a token from standard input, instead of the four below.")
@click.option("--role", "roles", multiple=True, help="A role; give it several times for several.")
@click.option("--sub", default="somebody", show_default=True, help="Who it is.")
@click.option("--tenant", help="The tenant.")
@click.option("--endpoint", "endpoints", multiple=True, metavar="TECH/NAME", help="A phone of theirs.")
@click.option("--target", help="Which Asterisk; needed only where several are configured.")
@config_options
def explain(
    *,
    operation: str,
    params: tuple[str, ...],
    by_token: bool,
    target: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
    **person: Any,
) -> None:
    """Say whether an ARI OPERATION (channels.hangup) with these parameters is allowed, by which rule, and why.

    Whose a call is knows only the gateway that runs; without one, calls count as somebody else's.
    Exits 1 when it is not allowed.
    """
    from aribridge.core.principal import Principal

    settings = settings_at_work(config, assignments)
    principal = _of_token(settings) if by_token else Principal(**person)
    decision = _decision(settings, principal, operation, _pairs(params), target)
    place = f" ({decision['where']})" if decision["where"] else ""
    text = f"{'allowed' if decision['allowed'] else 'denied'} by {decision['rule']}{place}: {decision['reason']}"
    if not decision["allowed"]:
        raise Failure(text)
    click.echo(text)


def _decision(
    settings: Settings, principal: Principal, operation: str, params: dict[str, str], target: str | None
) -> dict[str, Any]:
    from aribridge.cli.operator import ask, is_served
    from aribridge.server.local import SOCKET

    socket = Path(settings.state) / SOCKET
    if not is_served(socket):
        click.echo("No gateway runs with this configuration: every call counts as somebody else's.", err=True)
        return _decision_by_file(settings, principal, operation, params)
    asked = {"principal": _told(principal), "op": operation, "params": params, "target": target}
    status, body = ask(socket, "POST", "/v1/explain", json=asked)
    if status != HTTPStatus.OK:
        raise Failure(str(body["error"]))
    return body


def _decision_by_file(
    settings: Settings, principal: Principal, operation: str, params: dict[str, str]
) -> dict[str, Any]:
    from dataclasses import asdict

    from aribridge.config import load_policy
    from aribridge.core.command import Command
    from aribridge.core.policy.scopes import Scopes

    policy = load_policy(settings.auth.policy)
    app = settings.asterisk[0].app if settings.asterisk else "aribridge"
    return asdict(policy.decide(principal, Command("", operation, params), app, Scopes(policy.names)))


def _of_token(settings: Settings) -> Principal:
    from aribridge.cli.token import judged, read_token

    return judged(settings, read_token())


def _told(principal: Principal) -> dict[str, Any]:
    return {**principal.to_user(), "ops": list(principal.ops)}


def _pairs(params: tuple[str, ...]) -> dict[str, str]:
    if any("=" not in param for param in params):
        raise click.UsageError("parameters are written NAME=VALUE, such as channelId=1724.7")
    return dict(param.partition("=")[::2] for param in params)
