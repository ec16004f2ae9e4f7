"""`aribridge service`: the gateway as a service of systemd."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import click

from aribridge.cli.options import Failure

NAME = "aribridge.service"
UNITS = Path("/etc/systemd/system")
BOOTED = Path("/run/systemd/system")
"""Is there where systemd runs the machine (sd_booted(3))."""
SECONDS = 60.0
TEMPLATE_PROGRAM, TEMPLATE_CONFIG = "/opt/aribridge/bin/aribridge", "/etc/aribridge/aribridge.toml"

print_option = click.option("--print", "only_print", is_flag=True, help="Print what would be done, and do nothing.")
folder_option = click.option(
    "--folder", type=click.Path(path_type=Path), default=UNITS, show_default=True, help="Where units are."
)


@click.group()
def service() -> None:
    """Make the gateway a service of systemd, or take it away."""


@service.command()
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=Path(TEMPLATE_CONFIG),
    show_default=True,
    help="Configuration file of the service.",
)
@click.option("--user", default="aribridge", show_default=True, help="Whom it runs as, with a group of that name.")
@folder_option
@print_option
def install(*, config: Path, user: str, folder: Path, only_print: bool) -> None:
    """Write a unit that locks the service in, and have systemd read it; it is not started yet."""
    from aribridge.config.load import SERVICE_STATE, is_of_machine

    text = unit(Path(sys.executable).with_name("aribridge"), config.absolute(), user)
    if only_print:
        click.echo(text, nl=False)
        return
    _check_user(user)
    try:
        (folder / NAME).write_text(text)
    except OSError as error:
        raise Failure(f"{folder / NAME}: {error.strerror}. Run this as root, or see what it writes: --print") from None
    click.echo(f"wrote {folder / NAME}")
    _systemctl("daemon-reload")
    if not is_of_machine(config):
        click.echo(f'Write state = "{SERVICE_STATE}" into {config}: `aribridge status` and the like look there, too.')
    click.echo("It starts now and with the machine by: systemctl enable --now aribridge")


@service.command()
@folder_option
@print_option
def remove(*, folder: Path, only_print: bool) -> None:
    """Stop the service and remove its unit; configuration and state stay."""
    if only_print:
        click.echo(f"systemctl disable --now {NAME}\nrm {folder / NAME}\nsystemctl daemon-reload")
        return
    if not (folder / NAME).exists():
        raise Failure(f"{folder / NAME} is not there: nothing to remove.")
    _systemctl("disable", "--now", NAME)
    try:
        (folder / NAME).unlink()
    except OSError as error:
        raise Failure(f"{folder / NAME}: {error.strerror}. Run this as root.") from None
    click.echo(f"removed {folder / NAME}")
    _systemctl("daemon-reload")


def unit(program: Path, config: Path, user: str) -> str:
    """The shipped unit, for this program, configuration and user."""
    from aribridge.config.shipped import shipped

    text = (shipped("systemd") / NAME).read_text()
    body = text[text.index("[Unit]") :]
    body = body.replace(TEMPLATE_PROGRAM, _word(program)).replace(TEMPLATE_CONFIG, _word(config))
    return body.replace("User=aribridge\nGroup=aribridge", f"User={user}\nGroup={user}")


def _word(path: Path) -> str:
    """A path in a command line of a unit (systemd.service(5), "Command lines")."""
    text = str(path)
    for special, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(special, written)
    return text if re.fullmatch(r"[\w/.%$+@:-]+", text) else f'"{text}"'


def _check_user(user: str) -> None:
    try:
        pwd.getpwnam(user)
    except KeyError:
        make = f"useradd --system --home-dir /var/lib/aribridge --shell /usr/sbin/nologin {user}"
        raise Failure(f"There is no user {user} on this machine. Make one: {make}") from None


def _systemctl(*arguments: str) -> None:
    if not BOOTED.is_dir():
        click.echo(f"systemd does not run this machine; left out: systemctl {' '.join(arguments)}", err=True)
        return
    try:
        done = subprocess.run(  # noqa: S603 - words of our own
            ["systemctl", *arguments],  # noqa: S607 - where the system has it
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"systemctl {' '.join(arguments)}: {error}") from None
    if done.returncode:
        raise Failure(f"systemctl {' '.join(arguments)}: {done.stderr.strip()}")
