"""Who asks for much holds up nobody who asks for little."""

import asyncio
from urllib.parse import urlsplit

from real.gateway import target
from real.proxy import faulty_proxy
from real.wsclient import greeted

MANY = 60
PING = {"type": "request", "method": "GET", "path": "/asterisk/ping"}


async def test_connections_to_asterisk_go_round(asterisk22, gateways):
    """Two connections, a slow network, and somebody with sixty requests before ours: ours is among the next."""
    async with faulty_proxy(urlsplit(asterisk22.ari_url).port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/ari"
        gateway = await gateways.start(target(asterisk22, url=url, connections=2, commands="http"))
        token = gateway.token()
        async with greeted(gateway.url, token) as greedy, greeted(gateway.url, token) as modest:
            proxy.delay = 0.05
            for number in range(MANY):
                await greedy.send({**PING, "id": number})
            await greedy.until(lambda message: message["type"] == "reply" and message["id"] == 0)
            counting = asyncio.create_task(greedy.until(lambda message: message.get("id") == MANY - 1))
            assert (await modest.request("GET", "/asterisk/ping"))["status"] == 200
            answered = sum(message["type"] == "reply" for message in greedy.seen)
            assert answered < MANY / 3
            assert (await counting)["status"] == 200
