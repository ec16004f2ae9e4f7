"""`aribridge run`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aribridge.cli.options import StartFailure, config_options, load_settings

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from aribridge.asterisk.installation import Installation
    from aribridge.core.settings import Settings
    from aribridge.server import Gateway, StartError


@click.command()
@click.option(
    "--dev", is_flag=True, help="For this machine alone: own key, console, a private Asterisk if none is set."
)
@config_options
def run(*, dev: bool, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Run the gateway until Ctrl-C or SIGTERM."""
    import asyncio

    from aribridge.obs.logging import configure

    _open_standard_descriptors()
    if sys.stderr is None:
        click.echo("Standard error is closed: nothing is logged.")
    settings = load_settings(config, assignments, complete=not dev)
    configure(settings.log)
    # Until the gateway itself listens for signals, both end what was started; a shell may have had SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        work = _development(settings) if dev else _serve(settings)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work)
    except KeyboardInterrupt:
        click.echo("Stopped before the gateway was up.", err=True)


def _open_standard_descriptors() -> None:
    """Have 0 to 2 open: else the first sockets get these numbers, and what a library prints goes into them."""
    from aribridge.obs.logging import STDERR

    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    """Uvloop's, which about doubles what a data channel carries; asyncio's own where there is no uvloop."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _development(settings: Settings) -> Coroutine[Any, Any, None]:
    from aribridge.cli import dev

    dev.prepare(settings)
    _refuse_taken_ports(settings)
    link = dev.console_link(settings)
    if settings.asterisk:
        return _serve(settings, dev=True, link=link)
    return _serve_with_asterisk(settings, dev.installation(), link)


async def _serve_with_asterisk(settings: Settings, installation: Installation, link: str) -> None:
    from aribridge.cli import dev

    async with dev.private_asterisk(settings, installation) as notes:
        await _serve(settings, dev=True, notes=notes, link=link)


async def _serve(settings: Settings, *, dev: bool = False, notes: Sequence[str] = (), link: str = "") -> None:
    from aribridge.cli.banner import banner
    from aribridge.server import StartError, serve

    def ready(gateway: Gateway) -> None:
        # The link goes to the terminal only: the log may be kept, and read by others.
        click.echo(banner(settings, gateway, notes=notes, link=link))

    try:
        await serve(settings, dev=dev, ready=ready)
    except StartError as error:
        raise StartFailure(_explain(error)) from None


def _refuse_taken_ports(settings: Settings) -> None:
    """Before the private Asterisk is fetched and started, rather than after."""
    from aribridge.cli.ports import taken_ports

    if taken := taken_ports(settings):
        raise StartFailure("\n".join(taken))


def _explain(error: StartError) -> str:
    from aribridge.cli.ports import describe

    if error.port is None:
        return str(error)
    return describe(error.port, "udp" if error.protocol == "udp" else "tcp", error.key)
