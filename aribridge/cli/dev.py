"""A development run: keys, console and an Asterisk of its own, on this machine's loopback alone."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aribridge.auth import mint
from aribridge.auth.keys import read_secret
from aribridge.cli.options import Failure, StartFailure
from aribridge.cli.secrets import write_secret
from aribridge.config import host_and_port, is_loopback
from aribridge.core.settings import AsteriskSettings, JwtSettings, Settings

if TYPE_CHECKING:
    from aribridge.asterisk.installation import Installation

FOLDER = Path(".aribridge")
KEY = FOLDER / "dev.key"
STATE = FOLDER / "state"
TOKEN_SECONDS = 12 * 3600


def prepare(settings: Settings) -> None:
    """Add to the settings what a development run brings: its key, the console. Refuses to be seen by others."""
    _refuse_others(settings)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        write_secret(KEY)
    settings.auth.jwt.append(JwtSettings(key_file=str(KEY.absolute())))
    settings.server.console = True
    settings.state = str(STATE.absolute())


def is_at_work() -> bool:
    """Whether there is a development run of this folder, by its operator's socket."""
    from aribridge.server.local import SOCKET

    return (STATE / SOCKET).exists()


def was_here() -> bool:
    """Whether there ever was one."""
    return KEY.exists()


def console_link(settings: Settings) -> str:
    """The console, signed in. The token stands behind #, which browsers keep to themselves."""
    token = mint(read_secret(str(KEY)), "developer", roles=["admin"], ops=["*"], seconds=TOKEN_SECONDS)
    return f"http://{settings.server.listen}/#token={token}"


def installation() -> Installation:
    """The machine's own Asterisk program, to start a private instance of, else one that is downloaded once."""
    from aribridge.asterisk.install import system_or_private
    from aribridge.asterisk.installation import InstallError

    try:
        found = system_or_private(click.echo)
    except InstallError as error:
        raise StartFailure(str(error)) from None
    if found.release == "system":
        click.echo(f"Found {found.command[0]}: a private instance of it is started, with folders and ports of its own.")
    return found


@asynccontextmanager
async def private_asterisk(settings: Settings, installation: Installation) -> AsyncIterator[list[str]]:
    """Run a private Asterisk and add it to the settings. Yields what to say about it."""
    from aribridge.asterisk.instance import PrivateAsterisk, StartError

    with _folder() as folder:
        asterisk = PrivateAsterisk(installation, folder)
        click.echo(f"Starting Asterisk {installation.version_text} in {folder} …")
        try:
            await asterisk.start()
        except StartError as error:
            raise StartFailure(str(error)) from None
        try:
            section = AsteriskSettings(url=asterisk.ari_url, user=asterisk.user, app=asterisk.app)
            section.password = asterisk.password
            settings.asterisk.append(section)
            yield [
                f"version {installation.version_text}, of its own: nothing else on this machine is touched",
                f"SIP on 127.0.0.1:{asterisk.sip_port} UDP; dial 600 echo, 601 sound, 602 rings, 603 busy",
                f"log {asterisk.log_file}",
            ]
        finally:
            await asterisk.stop()


def _refuse_others(settings: Settings) -> None:
    addresses = {
        "server.listen": [host_and_port(settings.server.listen)[0]],
        "server.admin": [host_and_port(settings.server.admin)[0]],
        "webrtc.bind": settings.webrtc.bind,
    }
    for key, hosts in addresses.items():
        if outside := [host for host in hosts if not is_loopback(host)]:
            raise Failure(
                f"{key}: {outside[0]} can be reached from other machines, and a development run signs everybody in who "
                "has its link. Use 127.0.0.1 with --dev, or run without --dev."
            )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    from aribridge.asterisk.instance import LONGEST_FOLDER

    folder = (FOLDER / "asterisk").absolute()
    if len(bytes(folder)) <= LONGEST_FOLDER:
        yield folder
        return
    # Asterisk's control socket needs a short path.
    with tempfile.TemporaryDirectory(prefix="aribridge-") as short:
        yield Path(short)
