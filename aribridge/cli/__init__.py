"""The command line.

Exit codes: 0 fine, 1 a fault in what was configured or asked about, 2 wrong usage, 3 the gateway could not start.
"""

from __future__ import annotations

from importlib import import_module

import click

from aribridge import __version__

COMMANDS = {
    "run": "Run the gateway until Ctrl-C or SIGTERM.",
    "init": "Write a configuration for your Asterisk, and print what to paste into it.",
    "check": "Check the configuration, its files and scripts.",
    "doctor": "Look at Asterisk, ports and this machine, and say what is wrong.",
    "explain": "Say whether an operation is allowed, by which rule, and why.",
    "status": "Show how the running gateway is: each Asterisk, clients, listeners.",
    "connections": "List who is connected to the running gateway.",
    "kick": "End a connection, by its id.",
    "drain": "Begin a planned stop of the running gateway.",
    "log-level": "Set the least severity that the running gateway logs.",
    "call": "Send Asterisk an ARI request through the running gateway.",
    "tail": "Show the event stream of the running gateway as it comes.",
    "token": "Make, revoke or look into a token.",
    "script": "Check Lua scripts, those for Janus too, run their tests, record what they see.",
    "scripts": "List the scripts of the running gateway: runs, failures, memory, last errors.",
    "reload": "Load scripts, policy, keys and certificate of the running gateway anew, and say what changed.",
    "kv": "Show, export or delete what scripts keep in bridge.kv.",
    "trace": "Show the events, commands, script log lines and errors of a call.",
    "takeover": "Take an Asterisk over from the other gateway of a pair.",
    "service": "Make the gateway a service of systemd, or take it away.",
    "asterisk": "A private Asterisk, for development and tests.",
}


class LazyGroup(click.Group):
    """Finds each command in the module of its name, when it is called: `aribridge --help` imports none of them."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names, in the order of their first use."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of the name."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"aribridge.cli.{name}"), name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands into the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aribridge")
def main() -> None:
    """Connect browsers to Asterisk: ARI over WebRTC data channels and WebSockets, with Lua in the path."""
