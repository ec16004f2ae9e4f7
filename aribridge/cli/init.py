"""`aribridge init`."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import click

from aribridge.cli.options import Failure
from aribridge.cli.probe import ask_version
from aribridge.cli.secrets import write_secret

CONFIG, PASSWORD, KEY = "aribridge.toml", "asterisk.password", "signing.key"
PORTS = {"http": 8088, "https": 8089}
TARGET, OUTBOUND_PORT = "pbx", 8190
WIDTH = 78


@click.command()
@click.option(
    "--asterisk",
    "url",
    default="http://127.0.0.1:8088/ari",
    show_default=True,
    help="Base URL of its ARI. If you give it, Asterisk is asked for its version, without credentials.",
)
@click.option(
    "--outbound",
    is_flag=True,
    help="Have Asterisk (from 20.15, 21.10, 22.5 on) dial the gateway: it keeps the events of a restart of that.",
)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where to write.")
@click.pass_context
def init(context: click.Context, url: str, folder: Path, *, outbound: bool) -> None:
    """Write a configuration for your Asterisk, and print what to paste into it; touches none of its files."""
    given = context.get_parameter_source("url") is not click.core.ParameterSource.DEFAULT
    _check_url(url)
    _refuse_existing(folder)
    version = ask_version(url) if given else None
    dialled = _dialled(url, version) if outbound else ""
    password = _write(folder, _configuration(url, dialled))
    about = _about(version, url, asked=given)
    click.echo("\n".join(_instructions(url, folder, password, version, about, dialled)))


def _check_url(url: str) -> None:
    """End the command if it cannot be one of an ARI."""
    from aribridge.config import url_fault

    if fault := url_fault(url):
        raise Failure(f"--asterisk: {fault}")


def _write(folder: Path, configuration: str) -> str:
    """Write the three files; the password for Asterisk."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(configuration)
        write_secret(folder / KEY)
        return write_secret(folder / PASSWORD)
    except OSError as error:
        raise Failure(
            f"{error.filename}: {error.strerror}. Choose another --folder, or run this as its owner."
        ) from None


def _refuse_existing(folder: Path) -> None:
    if existing := [str(folder / name) for name in (CONFIG, PASSWORD, KEY) if (folder / name).exists()]:
        raise Failure(
            f"Already there: {', '.join(existing)}. Nothing was changed. Choose another --folder, or move that away."
        )


def _dialled(url: str, version: tuple[int, ...] | None) -> str:
    """Host and port of this machine that Asterisk is to dial; ends the command if that one is too old to dial."""
    from aribridge.ari.versions import can_dial

    if version and not can_dial(version):
        raise Failure(
            f"--outbound: Asterisk {'.'.join(map(str, version))} cannot dial the gateway, which takes 20.15, 21.10 or "
            "22.5. Leave --outbound out."
        )
    parts = urlsplit(url)
    return f"{_own_address(parts.hostname or '', parts.port or PORTS.get(parts.scheme, 0))}:{OUTBOUND_PORT}"


def _own_address(host: str, port: int) -> str:
    """The address of this machine by which it reaches a host, without sending anything."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def _configuration(url: str, dialled: str) -> str:
    """The text of aribridge.toml."""
    from aribridge.config import write_example
    from aribridge.core.settings import AsteriskSettings, JwtSettings, Settings

    settings = Settings()
    settings.asterisk = [AsteriskSettings(url=url, password_file=PASSWORD)]
    if dialled:
        settings.asterisk[0].link = "outbound"
        settings.server.asterisk = dialled
    settings.auth.jwt = [JwtSettings(key_file=KEY)]
    return write_example(settings)


def _instructions(
    url: str, folder: Path, password: str, version: tuple[int, ...] | None, about: str, dialled: str
) -> Iterator[str]:
    from aribridge.asterisk.snippets import reload_commands, snippets, undo

    parts = urlsplit(url)
    gateway = f"ws://{dialled}/v1/asterisk/{TARGET}" if dialled else ""
    yield from _written(folder)
    yield _heading("1. Paste into Asterisk's configuration (usually /etc/asterisk)")
    yield about
    port = parts.port or PORTS[parts.scheme]
    for snippet in snippets(version, "aribridge", password, host=_bind_address(parts), port=port, gateway=gateway):
        yield f"\n--- {snippet.file} ---\n{snippet.text.rstrip()}"
    yield _heading("2. Let Asterisk read it; calls go on")
    yield "\n".join(f"asterisk -rx '{command}'" for command in reload_commands(gateway))
    yield _heading("3. Start the gateway")
    yield from _next_steps(folder)
    yield _heading("To undo it")
    yield undo(gateway=gateway).rstrip()
    yield f"The gateway's own files are {', '.join(str(folder / name) for name in (CONFIG, PASSWORD, KEY))}."


def _written(folder: Path) -> Iterator[str]:
    yield f"Written: {folder / CONFIG}    every setting with its default and unit, Asterisk's section filled in"
    yield f"         {folder / PASSWORD} the password of the ARI user below (mode 0600)"
    yield f"         {folder / KEY}       the key that signs tokens (mode 0600)"


def _next_steps(folder: Path) -> Iterator[str]:
    option = "" if folder == Path() else f" -c {folder / CONFIG}"
    yield f"aribridge check{option}"
    yield f"aribridge token issue{option} --sub me --ops '*'    # for a first try; your application makes its own"
    yield f"aribridge run{option}"


def _about(version: tuple[int, ...] | None, url: str, *, asked: bool) -> str:
    if version:
        return f"Asterisk at {url} says that it is version {'.'.join(map(str, version))}; this is for it."
    why = f"No Asterisk answered at {url}" if asked else "Asterisk was not asked for its version (--asterisk URL does)"
    return f"{why}; this is for the newest. Older ones lack res_websocket_client.so: leave it out there."


def _heading(text: str) -> str:
    return f"\n{text}\n{'-' * min(len(text), WIDTH)}"


def _bind_address(parts: SplitResult) -> str:
    """What Asterisk's HTTP server is to listen on, so that the gateway reaches it by the URL."""
    host = parts.hostname or ""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "127.0.0.1" if host == "localhost" else "0.0.0.0"  # noqa: S104 (another machine has to reach it)
