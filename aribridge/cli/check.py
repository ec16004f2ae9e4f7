"""`aribridge check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aribridge.cli.options import Failure, config_options, load_settings

if TYPE_CHECKING:
    from aribridge.core.settings import Settings


@click.command()
@config_options
def check(*, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Check the configuration, the files that it names and the Lua scripts; contacts nobody."""
    settings = load_settings(config, assignments)
    _check_scripts(settings)
    _check_janus_scripts(settings)
    _say_links(settings)
    click.echo("ok")


def _say_links(settings: Settings) -> None:
    for asterisk in settings.asterisk:
        if asterisk.link == "outbound":
            uri = f"ws://{settings.server.asterisk}/v1/asterisk/{asterisk.name}"
            said = "and keeps its events while the gateway is away, without a bound."
            click.echo(f"{asterisk.name}: outbound: Asterisk dials {uri}, {said}")


def _check_scripts(settings: Settings) -> None:
    from aribridge.hub import ScriptAsterisks, Targets
    from aribridge.script import ScriptHost, ScriptLoadError

    try:
        ScriptHost(settings.scripts, ScriptAsterisks(Targets())).load()
    except ScriptLoadError as error:
        raise Failure(str(error)) from None


def _check_janus_scripts(settings: Settings) -> None:
    from aribridge.hub import ScriptAsterisks, Targets
    from aribridge.janus.plugins.lua import LuaPlugin
    from aribridge.script import ScriptLoadError

    for lua in settings.janus.lua:
        try:
            LuaPlugin(lua, settings.scripts, ScriptAsterisks(Targets()), {}).load()
        except ScriptLoadError as error:
            raise Failure(str(error)) from None
