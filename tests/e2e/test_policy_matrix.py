"""Nothing leaks: every operation of the connected catalogue, tried by each role on what is not its own.

Two tenants on a real Asterisk. Whatever a command could name of somebody else's is named, one parameter at a time;
every message of the stream is read live and replayed, and the state as well.
"""

import json
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from models.policy_matrix import HARMLESS, RELEASES, ROLES, THINGS, catalogue_of, matrix, plain, tries
from policy_parts import person, two_tenants
from real.wsclient import greeted

from aribridge.config import load_policy, policy_file
from aribridge.core.policy.scope import Level
from aribridge.core.principal import Principal

PAGE = Path(__file__).parents[2] / "docs" / "policy-matrix.md"
REFUSED = {403, 406, 501}
"""Not allowed; a file, which no reply holds; what the gateway does in another way (events.eventWebsocket)."""


@pytest.fixture(scope="module")
def policy():
    return load_policy("")


@pytest.fixture(scope="module", params=RELEASES)
def catalogue(request):
    return catalogue_of(request.param)


def test_every_operation_is_classified_by_a_shipped_role(catalogue):
    """By its own name: what a newer Asterisk adds is nobody's but the administrator's until somebody thought of it."""
    roles = tomllib.loads(policy_file("").read_text())["roles"]
    named = set()
    for name in set(ROLES) - {"admin"}:
        for rule in (roles[name], *roles[name].get("rules", ())):
            named.update(rule.get("allow", ()), rule.get("deny", ()))
    assert not [operation.id for operation in catalogue if operation.id not in named]


def test_every_parameter_is_known_to_name_something_or_nothing(catalogue):
    """So that a parameter of a newer Asterisk which names a channel is not let through unseen."""
    names = {(operation.id, name) for operation in catalogue for name in operation.parameters}
    assert not {name for name in names if name[1] not in THINGS.keys() | HARMLESS}


def test_the_page_is_up_to_date(policy):
    made = matrix(policy, {release: catalogue_of(release) for release in RELEASES})
    assert PAGE.read_text() == made, (
        "run PYTHONPATH=tests .venv/bin/python -m models.policy_matrix > docs/policy-matrix.md"
    )


class Party:
    """Somebody with things of every kind, on a call of its own."""

    def __init__(self, client, tenant, number, app):
        self.client, self.tenant, self.endpoint = client, tenant, f"Local/{number}@{tenant}"
        self.recording = f"{tenant}/{number}"
        self._app = app

    async def call(self):
        reply = await self.client.request("POST", "/channels", query={"endpoint": self.endpoint})
        await self.client.event("StasisStart", id=reply["body"]["id"])
        return reply["body"]["id"]

    async def hang_up(self, channel):
        await self.client.request("DELETE", f"/channels/{channel}")
        await self.client.event("ChannelDestroyed", id=channel)

    async def settle(self):
        """Take a call, put it into a bridge, play and record there."""
        await self.client.ask(type="subscribe", sub=1)
        self.channel = await self.call()
        self.bridge = (await self.made("/bridges", type="mixing"))["id"]
        await self.made(f"/bridges/{self.bridge}/addChannel", channel=self.channel)
        self.playback = (await self.made(f"/bridges/{self.bridge}/play", media="tone:ring"))["id"]
        await self.made(f"/bridges/{self.bridge}/record", name=self.recording, format="wav")

    async def made(self, path, **query):
        reply = await self.client.request("POST", path, query=query)
        assert reply["status"] < 300, reply
        return reply.get("body")

    async def is_whole(self):
        """Whether all of it is as it was settled."""
        [bridge, channel, playback, recording] = [
            await self.client.request("GET", path)
            for path in (
                f"/bridges/{self.bridge}",
                f"/channels/{self.channel}",
                f"/playbacks/{self.playback}",
                f"/recordings/live/{self.recording.replace('/', '%2F')}",
            )
        ]
        assert self.channel in bridge["body"]["channels"]
        assert (channel["body"]["state"], recording["body"]["state"]) == ("Up", "recording")
        return playback["body"]["state"] == "playing"

    async def leave(self):
        """Do what makes events of more kinds, then end everything."""
        for path in ("hold", "moh", "dtmf?dtmf=1", "variable?variable=COLOR&value=red"):
            await self.client.send({"type": "RESTRequest", "request_id": path, "method": "POST",
                                    "uri": f"channels/{self.channel}/{path}"})  # fmt: skip
        await self.client.request("DELETE", f"/bridges/{self.bridge}")
        await self.hang_up(self.channel)

    async def last_call(self):
        """A call by which one knows that everything before it was told."""
        self.last = await self.call()
        await self.hang_up(self.last)

    @property
    def things(self):
        """One of each kind, as somebody else would name them."""
        phone = "200" if self.tenant == "acme" else "201"
        return {
            "channel": self.channel,
            "bridge": self.bridge,
            "playback": self.playback,
            "recording": self.recording,
            "mailbox": f"1@{self.tenant}",
            "device": f"Stasis:{self.tenant}-door",
            "resource": phone,
            "endpoint": self.endpoint,
            "context": self.tenant,
            "app": f"{self.tenant}-app",
            "source": f"channel:{self.channel}",
            "address": f"pjsip:{phone}",
            "media": f"recording:{self.recording}",
            "variable": "SHELL(id)",
            "variables": {"SHELL(id)": "x"},
        }

    @property
    def own(self):
        """One of each kind, as the party itself names them."""
        return self.things | {
            "app": self._app,
            "variable": "COLOR",
            "variables": {"COLOR": "red"},
            "media": "tone:ring",
        }


class Stranger:
    """Somebody else, who follows all that a role may and tries all that it may not on a victim's things."""

    def __init__(self, gateway, role, sub, who, victim):
        self.name = f"{sub} ({who.tenant} {role}) on {victim.endpoint}"
        self.role, self.who, self.victim = role, who, victim
        self.token = person(gateway, sub, who.tenant, role, endpoints=[who.endpoint])
        self.colleague = who.tenant == victim.tenant

    async def follow(self, client):
        self.client = client
        self.begin = (await client.ask(type="subscribe", sub=11))["body"]
        await client.ask(type="subscribe", sub=12, mode="state")

    async def try_all(self, catalogue, policy):
        """The tries that were not refused, and the replies that tell of the victim; and how many tries there were."""
        leaks, tried = [], 0
        for operation in catalogue:
            for one in list(tries(operation, self.who.own, self.victim.things)) or [plain(operation, self.who.own)]:
                if self.colleague and self.is_shared(one, policy):
                    continue
                reply = await self.client.ask(type="request", op=one.op, params=one.params)
                tried += 1
                if reply["status"] not in REFUSED and (one.by or self.tells(reply.get("body"))):
                    leaks.append((self.name, one, reply))
        return leaks, tried

    def is_shared(self, one, policy):
        """Whether colleagues have that in common, or the name is a new one."""
        level = policy.level(Principal("x", roles=(self.role,)), one.op)
        return level >= Level.TENANT or one.kind == "context" or one.by in {"name", "destinationRecordingName"}

    def tells(self, message):
        text, victim = json.dumps(message), self.victim
        marks = [victim.channel, victim.bridge, victim.playback, f'"{victim.recording}"']
        # Colleagues see which phones are in use.
        return any(mark in text for mark in (marks if self.colleague else [*marks, victim.endpoint]))

    def told(self, seen):
        """Which messages of the stream tell of the victim."""
        return [one for one in seen if one["type"] in {"event", "patch", "snapshot"} and self.tells(one)]

    async def replay(self, gateway):
        """Everything since the beginning, once more."""
        since = {"epoch": self.begin["epoch"], "seq": self.begin["seq"]}
        async with greeted(gateway.url, self.token) as client:
            await client.ask(type="subscribe", sub=21, mode="state", since=since)
            reply = await client.ask(type="subscribe", sub=22, since=since)
            assert reply["body"]["mode"] == "replay"
            await client.event("ChannelDestroyed", id=self.who.last)
            return client.seen

    async def state(self, gateway):
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{gateway.url}/v1/state") as response:
            assert response.status == 200
            return await response.json()


async def live_operations(gateway):
    """Release and operation ids of the connected Asterisk."""
    headers = {"Authorization": f"Bearer {gateway.token()}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{gateway.url}/v1/catalogue/pbx") as response,
    ):
        body = await response.json()
    return body["version"].partition(".")[0], {operation["id"] for operation in body["operations"]}


async def test_nothing_leaks(asterisk, tmp_path, gateways, policy):
    async with two_tenants(asterisk, tmp_path, gateways) as (gateway, _), AsyncExitStack() as stack:

        async def enter(token):
            return await stack.enter_async_context(greeted(gateway.url, token))

        release, operations = await live_operations(gateway)
        catalogue = catalogue_of(release)
        assert {operation.id for operation in catalogue} == operations

        async def party(sub, tenant, number):
            token = person(gateway, sub, tenant, "agent", endpoints=[f"Local/{number}@{tenant}"])
            client = await enter(token)
            [pbx] = (await client.until(lambda seen: seen["type"] == "welcome"))["targets"]
            return Party(client, tenant, number, pbx["app"])

        ann, bob, gus = [await party(*who) for who in (("ann", "acme", 2), ("bob", "acme", 1), ("gus", "globex", 2))]
        strangers = [Stranger(gateway, "agent", "bob", bob, ann), Stranger(gateway, "agent", "ann", ann, bob)]
        for who, victim, agent in ((gus, ann, "gus"), (ann, gus, "ann")):
            strangers += [Stranger(gateway, "agent", agent, who, victim)]
            strangers += [Stranger(gateway, role, f"{agent}-{role}", who, victim) for role in ("viewer", "supervisor")]
        for stranger in strangers:
            await stranger.follow(await enter(stranger.token))
        for one in (ann, bob, gus):
            await one.settle()
        leaks, tried = [], 0
        for stranger in strangers:
            found, count = await stranger.try_all(catalogue, policy)
            leaks, tried = leaks + found, tried + count
            assert not stranger.tells(await stranger.state(gateway)), stranger.name
        assert not leaks
        for one in (ann, bob, gus):
            assert await one.is_whole()
        for one in (ann, bob, gus):
            await one.leave()
        for one in (ann, bob, gus):
            await one.last_call()
        heard = 0
        for stranger in strangers:
            await stranger.client.event("ChannelDestroyed", id=stranger.who.last)
            again = await stranger.replay(gateway)
            assert not stranger.told(stranger.client.seen), stranger.name
            assert not stranger.told(again), stranger.name
            heard += len(stranger.client.seen) + len(again)
        print(f"Asterisk {release}: {tried} tries by {len(strangers)} strangers, {heard} messages, no leak")  # noqa: T201
