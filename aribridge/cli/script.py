"""`aribridge script`: scripts, looked at without the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aribridge.cli.options import Failure

if TYPE_CHECKING:
    from aribridge.script.testing import Result


@click.group()
def script() -> None:
    """Check Lua scripts, those for Janus too, and run their tests."""


@script.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--janus", is_flag=True, help="The files are for Janus's Lua plugin: say what will not work here.")
@click.option(
    "--path", "folders", multiple=True, type=click.Path(path_type=Path), help="Folder of modules, with --janus."
)
def check(*, files: tuple[Path, ...], janus: bool, folders: tuple[Path, ...]) -> None:
    """Check scripts; contacts nobody. Exits 1 if anything was found."""
    found = [line for file in files for line in (_janus(file, folders) if janus else _load(file))]
    for line in found:
        click.echo(line)
    if found:
        raise Failure(f"{len(found)} found")
    click.echo("ok")


@script.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def test(*, files: tuple[Path, ...]) -> None:
    """Run the tests of scripts; contacts nobody. Exits 1 if any failed.

    The tests of rules.lua are in rules_test.lua beside it, in tests/ or in ../tests/.
    """
    from aribridge.script import ScriptLoadError
    from aribridge.script.testing import find_suites, run_suite

    try:
        results = [_show(result) for suite in find_suites(files) for result in run_suite(suite)]
    except ScriptLoadError as error:
        raise Failure(str(error)) from None
    if failed := results.count(False):
        raise Failure(f"{failed} of {len(results)} failed")
    click.echo(f"{len(results)} passed")


def _show(result: Result) -> bool:
    """Write what came of a test; whether it passed."""
    for line in result.printed:
        click.echo(f"     {line}")
    if result.failure:
        click.echo(f"FAIL {result.where}: {result.test}: {result.failure}")
    else:
        click.echo(f"ok   {result.where}: {result.test}")
    return not result.failure


def _janus(file: Path, folders: tuple[Path, ...]) -> list[str]:
    """What of a script for Janus will not work, as lines."""
    from aribridge.script import ScriptLoadError, read_source
    from aribridge.script.janus import check_janus

    try:
        findings = check_janus(file, read_source(file), list(folders))
    except ScriptLoadError as error:
        return [str(error)]
    return [f"{file}:{finding.line}: {finding.what}: {finding.instead}" for finding in findings]


def _load(file: Path) -> list[str]:
    from aribridge.core.settings import ScriptSettings
    from aribridge.hub import ScriptAsterisks, Targets
    from aribridge.script import ScriptHost, ScriptLoadError
    from aribridge.script.lint import lint

    host = ScriptHost(ScriptSettings(files=[str(file)]), ScriptAsterisks(Targets()))
    try:
        host.load()
        return [f"{mistake.file}:{mistake.line}: {mistake.text}" for mistake in lint(host.files)]
    except ScriptLoadError as error:
        return [str(error)]
