"""What several commands share: where the configuration is, and how a command ends that cannot go on."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from aribridge.core.settings import Settings

_Read = TypeVar("_Read")


class Failure(click.ClickException):
    """Ends the command with a text on standard error, or on standard output where that is closed."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the text as it is: it says itself what it is about."""
        click.echo(self.message, err=sys.stderr is not None, file=file)


class StartFailure(Failure):
    """The gateway, or the Asterisk that it brings, could not start."""

    exit_code = 3


class Span(click.FloatRange):
    """A time of up to ``most``: "inf" is a number for Python, and so is "nan", which no range refuses."""

    def __init__(self, most: float) -> None:
        super().__init__(min=0, min_open=True, max=most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Ends the command for what is none, or out of range."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail("nan is no number.", param, ctx)
        return number


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -c and --set, as the parameters ``config`` and ``assignments``."""
    command = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set one key, such as server.listen=127.0.0.1:8288; goes over file and environment.",
    )(command)
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        help="Configuration file.  [default: ./aribridge.toml, else /etc/aribridge/aribridge.toml]",
    )(command)


def load_settings(config: Path | None, assignments: tuple[str, ...], *, complete: bool = True) -> Settings:
    """Read the configuration, or end the command with all that is wrong with it."""
    from aribridge.config import load

    return _read(partial(load, complete=complete), config, assignments)


def load_state(config: Path | None, assignments: tuple[str, ...]) -> Path:
    """The state folder, whatever else is wrong with the configuration; or end the command."""
    from aribridge import config as configuration

    return Path(_read(configuration.load_state, config, assignments))


def _read(read: Callable[..., _Read], config: Path | None, assignments: tuple[str, ...]) -> _Read:
    from aribridge.config import ConfigError, find

    try:
        return read(config or find(), os.environ, _pairs(assignments))
    except ConfigError as error:
        raise Failure(str(error)) from None


def _pairs(assignments: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(assignment.partition("=")[::2] for assignment in assignments if "=" in assignment)
    if len(pairs) < len(assignments):
        raise click.UsageError("--set takes KEY=VALUE, each key once, such as --set server.listen=127.0.0.1:8288")
    return pairs
