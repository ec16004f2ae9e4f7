"""What a hook costs: microseconds for each command and event, without a hook, passing through, changing one field."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aribridge.core.command import Command
from aribridge.core.principal import Principal
from aribridge.core.settings import ScriptSettings
from aribridge.script import ScriptHost

if TYPE_CHECKING:
    from bench.lab import Lab

SCRIPTS = {
    "no hook": "",
    "passes": "function on_command(conn, cmd) return cmd end function on_event(event) return event end",
    "reads 3, changes 1": """
        function on_command(conn, cmd)
          if conn.user.sub == "alice" and cmd.op == "channels.originate" and cmd.target == "pbx" then
            cmd.params.callerId = "ACME"
          end
          return cmd
        end
        function on_event(event)
          if event.type == "StasisStart" and event.channel.state == "Ring" and event.channel.caller.number == "200" then
            event.caller_name = "Alice"
          end
          return event
        end""",
}
COMMAND = Command("pbx", "channels.originate", {"endpoint": "PJSIP/200", "extension": "600", "timeout": 30})
CHANNEL = {
    "id": "1732350000.7",
    "name": "PJSIP/200-00000007",
    "state": "Ring",
    "protocol_id": "f3b1c5d2-8f0e-4a56-9e0c-5a4d0ac2b111",
    "caller": {"name": "Alice Baker", "number": "200"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {"context": "default", "exten": "700", "priority": 3, "app_name": "Stasis", "app_data": "aribridge"},
    "creationtime": "2026-11-23T08:25:00.000+0000",
    "language": "en",
}
EVENT = {
    "type": "StasisStart",
    "timestamp": "2026-11-23T08:25:00.123+0000",
    "args": [],
    "channel": CHANNEL,
    "asterisk_id": "02:42:ac:11:00:02",
    "application": "aribridge",
}


class BenchClient:
    id = "c_1"
    kind = "websocket"
    principal = Principal("alice")

    def send_message(self, data: Any) -> None:
        raise NotImplementedError


async def cost(run: Callable[[], Awaitable[Any]], times: int = 2000, rounds: int = 7) -> float:
    """Microseconds of CPU time for one run: the median of the rounds."""
    results = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(times):
            await run()
        results.append((time.process_time() - began) / times * 1e6)
    return statistics.median(results)


async def costs(lab: Lab) -> dict[str, float]:
    """By script, microseconds of CPU time for each command and event; the lab has no part in it."""
    found = {}
    for name, source in SCRIPTS.items():
        path = lab.folder / "hook.lua"
        path.write_text(source)
        host = ScriptHost(ScriptSettings(files=[str(path)]), asterisks=None)  # type: ignore[arg-type]
        host.load()
        client = BenchClient()
        await _check(host, client, changes=name.endswith("changes 1"))

        async def event(host: ScriptHost = host) -> None:
            host.on_event("pbx", EVENT)

        commands = await cost(lambda host=host, client=client: host.on_command(client, COMMAND))  # type: ignore[misc]
        found[f"CPU µs of on_command: {name}"] = commands
        found[f"CPU µs of on_event: {name}"] = await cost(event)
    return found


async def _check(host: ScriptHost, client: BenchClient, *, changes: bool) -> None:
    """What is measured does something, or nothing, as it says."""
    command, event = await host.on_command(client, COMMAND), host.on_event("pbx", EVENT)
    assert isinstance(command, Command)
    assert command.params.get("callerId") == ("ACME" if changes else None), command
    assert (event or {}).get("caller_name") == ("Alice" if changes else None), event
