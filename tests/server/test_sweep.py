"""What the gateway made and forgot is removed from real Asterisks; what a call needs, or anybody else made, is not."""

import json
from contextlib import suppress

import pytest
from models.gateway_clients import ari
from real.asterisk import fresh_asterisk
from real.gateway import target
from real.wait import until
from real.wsclient import greeted

GRACE = 4


class Scene:
    """Makes things past the gateway, with ids that it might have chosen."""

    def __init__(self, gateway, call, app):
        self.prefix = (gateway.folder / "state" / "instance").read_text().strip()
        self.call, self.app = call, app

    def named(self, name):
        return f"{self.prefix}-{name}"

    async def channel(self, ident):
        await self.call("POST", f"/channels/{ident}", app=self.app, endpoint="Local/600@default")
        await until(lambda: self.is_up(ident), what=f"{ident} is in Stasis")

    async def is_up(self, ident):
        return (await self.call("GET", f"/channels/{ident}"))["state"] == "Up"

    async def bridge(self, ident, *members):
        await self.call("POST", f"/bridges/{ident}", type="mixing")
        for member in members:
            await until(lambda member=member: self.joined(ident, member), what=f"{member} is in {ident}")

    async def joined(self, bridge, channel):
        with suppress(AssertionError):
            await self.call("POST", f"/bridges/{bridge}/addChannel", channel=channel)
            return True
        return False

    async def snoop(self, channel, ident):
        await self.call("POST", f"/channels/{channel}/snoop/{ident}", app=self.app, spy="both")

    async def media(self, ident):
        query = {"channelId": ident, "app": self.app, "external_host": "127.0.0.1:9", "format": "ulaw"}
        await self.call("POST", "/channels/externalMedia", **query)

    async def there(self):
        listed = [*await self.call("GET", "/channels"), *await self.call("GET", "/bridges")]
        return {one["id"] for one in listed}


async def is_there(scene, wanted):
    return await scene.there() == wanted


def removed(gateway):
    return {json.loads(line)["id"] for line in gateway.log if '"sweep.removed"' in line}


@pytest.mark.parametrize("release", ["22", "16"])
async def test_leftovers_of_an_earlier_run_are_removed_and_nothing_else(gateways, release):
    async with fresh_asterisk(release) as asterisk, ari(asterisk) as call:
        section = target(asterisk, sweep_seconds=GRACE)
        gateway = await gateways.start(section)
        scene = Scene(gateway, call, section["app"])
        named = scene.named
        for channel in ("ann", "bob", "carl", "boss", "dan"):
            await scene.channel(channel)
        await scene.bridge(named("talk"), "ann", "bob")
        await scene.bridge(named("alone"), "carl")
        await scene.snoop("ann", named("spy"))
        await scene.bridge(named("supervised"), "boss", named("spy"))
        await scene.bridge("of-a-client")
        await scene.bridge("aribridge-11111111-of-another")
        kept = await scene.there()
        await scene.bridge(named("empty"))
        await scene.media(named("media"))
        await scene.bridge(named("recorded"), named("media"))
        # Without media on its call a snoop is hung up late.
        await call("POST", "/channels/dan/play", media="tone:ring")
        await scene.snoop("dan", named("forgotten"))
        leftovers = {named(name) for name in ("empty", "media", "recorded", "forgotten")}
        await gateway.kill()
        await scene.bridge(named("turned-to"))  # now, so that the one before cannot sweep it away
        await gateway.start()
        async with greeted(gateway.url, gateway.token()) as client:
            assert (await client.request("GET", f"/bridges/{named('turned-to')}"))["status"] == 200
        await until(lambda: leftovers <= removed(gateway), within=30, what="what is left over is removed")
        await until(lambda: is_there(scene, kept | {named("turned-to")}), what="the rest is there")
        assert removed(gateway) == leftovers

        for channel in ("ann", "bob"):
            await call("DELETE", f"/channels/{channel}")
        await until(lambda: named("talk") in removed(gateway), within=30, what="a bridge that they left is, too")
        assert {named("alone"), named("supervised"), "carl", "boss"} <= await scene.there()


async def test_what_a_flow_has_is_left_to_it_and_removed_when_the_flow_could_not(gateways, tmp_path):
    script = tmp_path / "flow.lua"
    script.write_text('function on_call(call)\n  call:answer()\n  call:dial("Local/600@default/n")\nend\n')
    async with fresh_asterisk("22") as asterisk, ari(asterisk) as call:
        section = target(asterisk, app=asterisk.app, sweep_seconds=GRACE)
        gateway = await gateways.start(section, scripts={"files": [str(script)]})
        caller = {"endpoint": "Local/7001@default/n", "context": "default", "extension": "600", "priority": "1"}
        await call("POST", "/channels", **caller)
        (bridge,) = await until(lambda: talks(call), what="caller and callee talk")
        flow, _, _ = bridge["id"].rpartition("-")
        scene = Scene(gateway, call, section["app"])
        assert flow.startswith(scene.named("flow-"))
        forgotten = f"{flow}-b99"
        await scene.bridge(forgotten)
        await scene.bridge(scene.named("control"))
        await until(lambda: removed(gateway), within=30, what="the grace is over")
        assert removed(gateway) == {scene.named("control")}
        assert len(await talks(call)) == 1
        for channel in await call("GET", "/channels"):
            await call("DELETE", f"/channels/{channel['id']}")
        await until(lambda: forgotten in removed(gateway), within=30, what="the flow is over, and what it left, too")


async def talks(call):
    return [one for one in await call("GET", "/bridges") if len(one["channels"]) == 2]
