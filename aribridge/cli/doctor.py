"""`aribridge doctor`: what is wrong, seen from this machine, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aribridge.cli.operator import settings_at_work
from aribridge.cli.options import Failure, config_options, load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aribridge.cli.probes.finding import Finding
    from aribridge.core.settings import Settings

SECONDS = 20.0
"""For everything; each probe has less."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.option(
    "--asterisk-config",
    type=click.Path(path_type=Path),
    default=Path("/etc/asterisk"),
    show_default=True,
    help="Folder of Asterisk's own configuration, if it can be read here.",
)
@config_options
def doctor(*, as_json: bool, asterisk_config: Path, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Look at Asterisk, ports and this machine, and say what is wrong and how to mend it.

    It changes nothing, and works whether the gateway runs or not. Exits 1 when something fails.
    """
    import asyncio

    from aribridge.cli.probes.finding import Finding

    try:
        settings, about = _settings(config, assignments)
    except Failure as failure:
        findings = [Finding("fail", "configuration", failure.message, _remedy(config))]
    else:
        findings = [Finding("ok", "configuration", about), *asyncio.run(_look(settings, asterisk_config))]
    _tell(findings, as_json=as_json)
    if any(finding.level == "fail" for finding in findings):
        raise SystemExit(1)


def _settings(config: Path | None, assignments: tuple[str, ...]) -> tuple[Settings, str]:
    """What is to be looked at, and a word about it: a development run brings itself what its configuration lacks."""
    from aribridge.cli import dev

    settings = settings_at_work(config, assignments)
    if _is_development(settings):
        return settings, f"a development run in {dev.FOLDER.absolute()}; for others a configuration has to be complete"
    return load_settings(config, assignments), "can be read"


def _is_development(settings: Settings) -> bool:
    from aribridge.cli import dev

    return settings.state == str(dev.STATE.absolute())


def _remedy(config: Path | None) -> str:
    from aribridge.cli import dev

    remedy = "Mend these keys; `aribridge check` tells them."
    if config is None and dev.was_here():
        return f"{remedy} A development run needs none of it: `aribridge run --dev`, or `make run`, then look again."
    return remedy


async def _look(settings: Settings, asterisk_config: Path) -> list[Finding]:
    """All probes side by side, once it is known whether a gateway runs."""
    import asyncio

    from aribridge.cli.operator import ask_or_none
    from aribridge.cli.probes import ari_conf, asterisk, certificate, keys, machine, ports
    from aribridge.server.local import SOCKET

    socket = Path(settings.state) / SOCKET
    running = await ask_or_none(socket, "/v1/status")
    if running and _is_development(settings):
        _take_listeners(settings, running)
    told = {target["name"]: target for target in running["targets"]} if running else {}
    probes: dict[str, Awaitable[list[Finding]]] = {
        f"asterisk {one.name}": asterisk.look(one, told.get(one.name)) for one in settings.asterisk
    }
    probes |= {f"keys {one.jwks_url}": keys.look(one) for one in settings.auth.jwt if one.jwks_url}
    probes["listeners"] = asyncio.to_thread(ports.look_at_listeners, settings, running)
    probes["webrtc.udp"] = ports.look_at_udp(settings, running)
    for name, target in told.items():
        if f"asterisk {name}" not in probes:
            probes[f"asterisk {name}"] = asyncio.to_thread(asterisk.of_development, target)
    probes["certificate"] = asyncio.to_thread(certificate.look, settings.server, running)
    probes["machine"] = asyncio.to_thread(machine.look, settings, running)
    found = await asyncio.gather(*(_in_time(name, probe) for name, probe in probes.items()))
    conf = [ari_conf.look(one, asterisk_config) for one in settings.asterisk]
    return [_gateway(running, socket), *(finding for findings in found for finding in findings), *conf]


def _take_listeners(settings: Settings, running: dict[str, Any]) -> None:
    """A development run may have got its addresses by flags, which nobody repeats here."""
    for name in ("listen", "admin"):
        if addresses := running["listeners"][f"server.{name}"]:
            setattr(settings.server, name, addresses[0])


async def _in_time(what: str, probe: Awaitable[list[Finding]]) -> list[Finding]:
    import asyncio

    from aribridge.cli.probes.finding import Finding

    try:
        return await asyncio.wait_for(probe, SECONDS)
    except TimeoutError:
        return [Finding("fail", what, f"took more than {SECONDS:.0f} s to look at", "Is this machine overloaded?")]


def _gateway(running: dict[str, Any] | None, socket: Path) -> Finding:
    from aribridge.cli.probes.finding import Finding

    if running is None and _is_served(socket):
        text = f"one listens at {socket} and does not answer: it stands still, or this machine is overloaded"
        return Finding(
            "fail", "gateway", text, "Look at its log and at top, then restart it: systemctl restart aribridge"
        )
    if running is None:
        text = f"none runs with this configuration: nobody answers at {socket}"
        return Finding("unknown", "gateway", text, "aribridge run; ps and the log tell if one should be running.")
    text = f"{running['version']} runs as process {running['pid']}"
    if running["draining"]:
        return Finding("warn", "gateway", f"{text}, and is stopping", "Wait for its end, then start it.")
    return Finding("ok", "gateway", text)


def _is_served(socket: Path) -> bool:
    from aribridge.cli.operator import is_served

    try:
        return is_served(socket)
    except Failure:  # this user may not know
        return False


def _tell(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        ok = all(finding.level != "fail" for finding in findings)
        click.echo(json.dumps({"ok": ok, "findings": [asdict(finding) for finding in findings]}))
        return
    for finding in findings:
        click.echo(f"{finding.level:8} {finding.what}: {finding.text}")
        if finding.remedy:
            click.echo(f"{'':8} to do: {finding.remedy}")
