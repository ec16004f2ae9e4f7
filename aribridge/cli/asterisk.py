"""`aribridge asterisk`: a private real Asterisk, for development and tests."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from aribridge.asterisk.configuration import Settings as Configuration
from aribridge.asterisk.install import Release, install, system_or_private
from aribridge.asterisk.installation import InstallError
from aribridge.asterisk.instance import PrivateAsterisk, StartError

if TYPE_CHECKING:
    from aribridge.asterisk.installation import Installation

RELEASES = click.Choice(get_args(Release))


@click.group()
def asterisk() -> None:
    """A private Asterisk: rootless, on 127.0.0.1, apart from any that this machine runs."""


@asterisk.command("install")
@click.option(
    "--release", type=RELEASES, default="22", show_default=True, help="22 from Debian forky, 16 from bullseye."
)
def install_command(release: Release) -> None:
    """Download an Asterisk from Debian into the cache folder (about 80 MB)."""
    found = get_installation(release)
    click.echo(f"Asterisk {found.version_text}: {found.command[-1]}")


@asterisk.command("run")
@click.option("--release", type=RELEASES, help="Without it: this machine's asterisk program if there is one, else 22.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".aribridge/asterisk"),
    show_default=True,
    help="Where its configuration, logs and recordings go.",
)
@click.option(
    "--dial",
    default="",
    metavar="URI",
    help="Gateway that it dials (link = outbound), such as ws://127.0.0.1:8190/v1/asterisk/pbx.",
)
def run_command(release: Release | None, folder: Path, dial: str) -> None:
    """Run one until Ctrl-C, with parties to call and random passwords."""
    try:
        private = PrivateAsterisk(get_installation(release), folder, Configuration(gateway=dial))
        asyncio.run(run_until_signalled(private))
    except StartError as error:
        raise click.ClickException(str(error)) from error


def get_installation(release: Release | None) -> Installation:
    """The Asterisk to use, downloaded if need be, with progress on the terminal."""
    try:
        return install(release, progress=click.echo) if release else system_or_private(click.echo)
    except InstallError as error:
        raise click.ClickException(str(error)) from error


async def run_until_signalled(private: PrivateAsterisk) -> None:
    """Start it, say where it is, and stop it on Ctrl-C or SIGTERM."""
    serving = asyncio.ensure_future(serve(private))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def serve(private: PrivateAsterisk) -> None:
    """Run it until cancelled; it is an error if it ends before."""
    try:
        await private.start()
        click.echo(describe(private))
        await private.wait()
        raise StartError(f"Asterisk ended by itself; its log is {private.log_file}")
    finally:
        await private.stop()


def describe(private: PrivateAsterisk) -> str:
    """What listens where, and with which credentials."""
    settings, phones = private.settings, " and ".join(private.phones)
    dials = f"\n  dials      {settings.gateway}" if settings.gateway else ""
    return f"""\
Asterisk {private.installation.version_text} runs, from {private.installation.command[-1]}
  ARI   TCP  {private.ari_url}  user {private.user}, application {private.app}, password in {private.password_file}
  SIP   UDP  127.0.0.1:{private.sip_port}  phones {phones}, passwords in {private.folder}/etc/pjsip.conf
  RTP   UDP  127.0.0.1:{settings.rtp_start}-{settings.rtp_end}
  log        {private.log_file}{dials}
Numbers: 600 echo, 601 answers and plays, 602 rings for 30 s, 603 busy, any other enters Stasis({private.app}).
Ctrl-C ends it."""
