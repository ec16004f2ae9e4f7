"""Who asks for much holds up nobody who asks for little."""

from urllib.parse import urlsplit

from real.gateway import target
from real.proxy import faulty_proxy
from real.wsclient import greeted

MANY = 60
PING = {"type": "request", "method": "GET", "path": "/asterisk/ping"}


async def test_connections_to_asterisk_go_round(asterisk22, gateways):
    """Two connections, and somebody with sixty requests before ours: ours is among the next."""
    async with faulty_proxy(urlsplit(asterisk22.ari_url).port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/ari"
        gateway = await gateways.start(target(asterisk22, url=url, connections=2, commands="http"))
        token = gateway.token()
        async with greeted(gateway.url, token) as greedy, greeted(gateway.url, token) as modest:
            proxy.freeze()
            proxy.requests.clear()
            await sent(greedy, *({**PING, "id": number} for number in range(MANY)))
            await sent(modest, {"type": "request", "id": "ours", "method": "GET", "path": "/endpoints"})
            proxy.thaw()
            for client, last in ((modest, "ours"), (greedy, MANY - 1)):
                assert (await client.until(lambda message, last=last: message.get("id") == last))["status"] == 200
            [ours] = [number for number, line in enumerate(proxy.requests) if b"/endpoints" in line]
            assert ours < MANY / 3
            assert len(proxy.requests) > MANY


async def sent(client, *messages):
    """Send them, and wait until the gateway has them."""
    for message in messages:
        await client.send(message)
    await client.send({"type": "ping", "t": 1})
    await client.until(lambda message: message["type"] == "pong")
