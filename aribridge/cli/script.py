"""`aribridge script`: scripts, looked at without the gateway."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from aribridge.cli.options import Failure, config_options, load_settings

if TYPE_CHECKING:
    from aribridge.core.settings import AsteriskSettings, Settings
    from aribridge.script.testing import Result, Stage


@click.group()
def script() -> None:
    """Check Lua scripts, those for Janus too, run their tests, record what they see."""


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
@click.option(
    "--asterisk", metavar="NAME|URL", help="Against this Asterisk of the configuration, or at this URL of ARI."
)
@click.option("--user", help="User of ari.conf there, if not that of the configuration.")
@click.option("--password-file", help="File with that user's password.")
@click.option("--app", help="Application that its dialplan sends calls to, if not that of the configuration.")
@config_options
def test(
    *,
    files: tuple[Path, ...],
    asterisk: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
    **more: str | None,
) -> None:
    """Run the tests of scripts, in simulated time; contacts nobody. Exits 1 if any failed.

    The tests of rules.lua are in rules_test.lua beside it, in tests/ or in ../tests/.
    """
    from aribridge.script import ScriptLoadError
    from aribridge.script.testing import IN_MEMORY, StageError, find_suites, run_suite

    stage = _live(asterisk, config, assignments, more) if asterisk else IN_MEMORY
    try:
        results = [_show(result) for suite in find_suites(files) for result in run_suite(suite, stage)]
    except (ScriptLoadError, StageError) as error:
        raise Failure(str(error)) from None
    if failed := results.count(False):
        raise Failure(f"{failed} of {len(results)} failed")
    click.echo(f"{len(results)} passed")


def _live(asterisk: str, config: Path | None, assignments: tuple[str, ...], more: Mapping[str, str | None]) -> Stage:
    """The stage of an Asterisk, by its name in the configuration or its URL, with what is given besides."""
    from dataclasses import replace

    from aribridge.auth.keys import read_secret
    from aribridge.core.settings import AsteriskSettings
    from aribridge.server.live import LiveStage

    if "://" in asterisk:
        found = AsteriskSettings(url=asterisk)
    else:
        found = _section(asterisk, load_settings(config, assignments, complete=False))
    given: dict[str, Any] = {name: value for name, value in more.items() if value is not None}
    section = replace(found, **given)
    if more["password_file"] is not None:
        try:
            section.password = read_secret(section.password_file).decode(errors="replace").strip()
        except OSError as error:
            raise Failure(f"--password-file: {error}") from None
    return LiveStage(section)


def _section(name: str, settings: Settings) -> AsteriskSettings:
    """The section of that name."""
    for section in settings.asterisk:
        if section.name == name:
            return section
    names = ", ".join(section.name for section in settings.asterisk) or "none"
    raise Failure(f"No [[asterisk]] is called {name}; there is {names}.")


@script.command()
@click.argument("script")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_options
def record(*, script: str, file: Path, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Record Asterisk's part in SCRIPT of the running gateway into FILE, until Ctrl-C, for T.replay in tests.

    SCRIPT is its name, such as ivr.lua. Digits that callers press and values of variables are left out.
    """
    from urllib.parse import quote

    from aribridge.cli.operator import socket_of, stream

    socket = socket_of(config, assignments)
    lines = 0

    def take(part: bytes) -> None:
        nonlocal lines
        if not lines:
            click.echo(f"Recording {script} into {file}; Ctrl-C ends it.", err=True)
        lines += part.count(b"\n")
        written.write(part)
        written.flush()

    with _fresh(file) as written, suppress(KeyboardInterrupt):
        stream(socket, f"/v1/scripts/{quote(script, safe='')}/recording", take)
        click.echo("The gateway has ended the recording.", err=True)
    click.echo(f"{lines} lines in {file}")


@contextmanager
def _fresh(file: Path) -> Iterator[BinaryIO]:
    """A new file that its owner alone may read; it is gone when nothing was written."""
    try:
        written = os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None
    try:
        with written:
            yield written
    finally:
        if not file.stat().st_size:
            file.unlink()


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
