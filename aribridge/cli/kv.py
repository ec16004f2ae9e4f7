"""`aribridge kv`: what scripts keep in bridge.kv."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aribridge.cli.operator import state_at_work
from aribridge.cli.options import Failure, config_options

if TYPE_CHECKING:
    from aribridge.script.store import Entry, Store

SHOWN = 60


@click.group()
def kv() -> None:
    """Show, export or delete what scripts keep in bridge.kv; the gateway may be running."""


@kv.command(name="list")
@click.argument("script", required=False)
@config_options
def list_(*, script: str | None, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Show the keys of SCRIPT (its file name), or of all scripts, with the beginnings of their values."""
    with _store(config, assignments) as store:
        for entry in store.entries(script):
            click.echo(_line(entry))


@kv.command()
@click.argument("script", required=False)
@config_options
def export(*, script: str | None, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Write everything as JSON, one object a line: script, key, value, expires (Unix seconds or null)."""
    import msgspec

    with _store(config, assignments) as store:
        for entry in store.entries(script):
            click.echo(msgspec.json.encode(entry))


@kv.command()
@click.argument("script")
@click.argument("key", required=False)
@click.option("--all", "all_", is_flag=True, help="Delete all that the script keeps.")
@config_options
def delete(*, script: str, key: str | None, all_: bool, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Delete KEY of SCRIPT, or with --all everything that SCRIPT keeps."""
    if (key is None) != all_:
        raise click.UsageError("name a key, or give --all")
    with _store(config, assignments) as store:
        deleted = int(store.delete(script, key)) if key is not None else store.delete_all(script)
    if not deleted:
        raise Failure(
            f"Nothing there: {script} keeps no {'key ' + key if key else 'keys'}. `aribridge kv list` shows all."
        )
    click.echo(f"deleted: {deleted}")


@contextmanager
def _store(config: Path | None, assignments: tuple[str, ...]) -> Iterator[Store]:
    """The store of the configured gateway; ends the command if there is none."""
    from aribridge.script.store import FILE, Store

    folder = state_at_work(config, assignments)
    try:
        if not (folder / FILE).exists():
            raise Failure(f"No script has stored anything yet: there is no {folder / FILE} (state in aribridge.toml).")
        with closing(Store(folder, 0)) as store:
            yield store
    except (OSError, sqlite3.Error) as error:
        raise Failure(f"{folder / FILE}: {error}") from None


def _line(entry: Entry) -> str:
    import msgspec

    text = msgspec.json.encode(entry.value).decode()
    value = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return f"{entry.script}  {entry.key}  {value}{_until(entry.expires)}"


def _until(expires: float | None) -> str:
    if expires is None:
        return ""
    try:
        return f"  until {datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "  until after the year 9999"
