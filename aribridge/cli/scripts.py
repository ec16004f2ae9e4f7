"""`aribridge scripts`: how the scripts of the gateway that runs are doing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from aribridge.cli.operator import ask, socket_of
from aribridge.cli.options import Failure, config_options


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@config_options
def scripts(*, as_json: bool, config: Path | None, assignments: tuple[str, ...]) -> None:
    """List the scripts of the running gateway: runs and failures since they were loaded, memory, last errors."""
    status, report = ask(socket_of(config, assignments), "GET", "/v1/scripts")
    if status != HTTPStatus.OK:
        raise Failure(f"The gateway answers {status}.")
    if as_json:
        click.echo(json.dumps(report))
        return
    for line in _lines(report["scripts"]):
        click.echo(line)


def _lines(scripts: list[dict[str, Any]]) -> Iterator[str]:
    width = max([len("SCRIPT"), *(len(script["script"]) for script in scripts)])
    yield f"{'SCRIPT':<{width}} {'RUNS':>9} {'FAILED':>8} {'MEMORY':>10}  HOOKS"
    for script in scripts:
        runs = sum(hook["runs"] for hook in script["runs"].values())
        memory = f"{script['memory'] / (1 << 20):.1f} MiB"
        hooks = ", ".join(_hook(script, hook) for hook in [*script["hooks"], *_background(script)])
        yield f"{script['script']:<{width}} {runs:>9} {script['failures']:>8} {memory:>10}  {hooks}"
        if script.get("earlier"):
            yield f"  {script['earlier']} earlier versions still have sessions"
        yield from (f"  {_error(error)}" for error in script["errors"])


def _background(script: dict[str, Any]) -> list[str]:
    return [name for name in script["runs"] if name not in script["hooks"]]


def _hook(script: dict[str, Any], hook: str) -> str:
    runs = script["runs"].get(hook, {"runs": 0})["runs"]
    return f"{hook} {runs}" if runs else hook


def _error(error: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(error["at"], UTC)
    times = "" if error["times"] == 1 else f" ({error['times']} times)"
    return f"{at:%Y-%m-%d %H:%M:%S} {error['hook']}: {error['where']}: {error['error']}{times}"
