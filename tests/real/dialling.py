"""A real Asterisk that opens the event socket itself, and keeps the events while the gateway is away."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from models.gateway_clients import ari
from real.asterisk import fresh_asterisk
from real.gateway import target
from real.machine import free_port
from real.wait import until

from aribridge.asterisk.configuration import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from real.gateway import Gateway, Gateways

    from aribridge.asterisk.instance import PrivateAsterisk


class Dialling:
    """An Asterisk that dials a gateway on one port, and the settings of that gateway."""

    def __init__(self, asterisk: PrivateAsterisk, port: int) -> None:
        self.asterisk, self.port = asterisk, port
        self.uri = asterisk.settings.gateway

    async def gateway(self, gateways: Gateways, *, ready: bool = True, **settings: Any) -> Gateway:
        """A gateway that it dials."""
        section = target(self.asterisk, app=self.asterisk.app, link="outbound")
        server = {"asterisk": f"127.0.0.1:{self.port}", **settings.pop("server", {})}
        gateway = await gateways.start(section, server=server, ready=ready, **settings)
        gateway.asterisk = self.asterisk
        return gateway

    async def outlive(self, gateway: Gateway, end: Literal["stop", "kill"] = "kill") -> None:
        """End the gateway, and wait until Asterisk has noticed: an event of just that moment may be its end, too."""
        seen = self._disconnections
        await (gateway.kill() if end == "kill" else gateway.stop())
        await until(lambda: self._disconnections > seen, what="Asterisk has noticed that the gateway is gone")

    @property
    def _disconnections(self) -> int:
        return self.asterisk.log_file.read_text().count("Websocket disconnected")

    async def call(self, channel: str, endpoint: str = "Local/600@default") -> None:
        """A call past the gateway, to the echo application."""
        query = {"endpoint": endpoint, "channelId": channel, "context": "default", "extension": "600", "priority": 1}
        async with ari(self.asterisk) as ask:
            await ask("POST", "/channels", **query)

    async def hang_up(self, channel: str) -> None:
        """End a call past the gateway."""
        async with ari(self.asterisk) as ask:
            await ask("DELETE", f"/channels/{channel}")


@asynccontextmanager
async def dialling(port: int | None = None, dialled: int | None = None) -> AsyncIterator[Dialling]:
    """Start one. `port` is the gateway's; `dialled` is another one that leads there."""
    port = port or free_port()
    settings = Settings(gateway=f"ws://127.0.0.1:{dialled or port}/v1/asterisk/pbx")
    async with fresh_asterisk("22", settings) as asterisk:
        yield Dialling(asterisk, port)
