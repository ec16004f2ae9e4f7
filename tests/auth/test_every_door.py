"""Nobody gets in who is not let in: every way that we know of, at every door of a gateway that runs."""

import asyncio
import tempfile
import time
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from doors import GUARDED, HANDLE, MARK, MESSAGES, OPEN, REFUSED, Stage, every_door, janus_websocket, post
from multidict import CIMultiDict
from real.gateway import Gateways, target
from real.machine import free_port
from real.peer import an_offer, connected
from real.wait import until
from real.wsclient import greeted
from ways_in import (
    API_SECRET,
    DISMISSED,
    EC_KEY,
    ECHO,
    ED_KEY,
    ISSUER,
    REVOKED_SUBJECT,
    REVOKED_TOKEN,
    RSA_KEY,
    SECRET,
    SET,
    STORED,
    TOKEN_SECRET,
    Credentials,
    bearer,
    good,
    header,
    jwk_set,
    public_pem,
    signed,
    ways,
)

from aribridge.auth import Revocations
from aribridge.core.settings import AsteriskSettings, ServerSettings, Settings
from aribridge.janus.plugins.ari import AriPlugin
from aribridge.server import Gateway as Server

NAMES = tuple(ways("http://trap.invalid"))


def auth(folder):
    """Keys of every kind, as the ways in expect them."""

    def file(name, content):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
        return str(folder / name)

    return {
        "jwt": [
            {"algorithm": "HS256", "key_file": file("hs", SECRET)},
            {
                "algorithm": "RS256",
                "key_file": file("rs", public_pem(RSA_KEY)),
                "issuer": ISSUER,
                "audience": "aribridge",
            },
            {"algorithm": "ES256", "key_file": file("es", public_pem(EC_KEY))},
            {"algorithm": "EdDSA", "key_file": file("ed", public_pem(ED_KEY))},
            {"algorithm": "EdDSA", "jwks_file": file("jwks", jwk_set().encode())},
        ],
        "janus": {
            "api_secret_file": file("api", API_SECRET.encode()),
            "token_secret_file": file("signed", TOKEN_SECRET),
            "ops": ["*"],
            "tokens": [
                {"name": "board", "token_file": file("stored", STORED.encode())},
                {"name": "gone", "token_file": file("gone", DISMISSED.encode())},
            ],
        },
    }


@pytest.fixture(scope="module")
def state():
    """The state folder, with a path short enough for a socket; who is revoked is so from before the start."""
    with tempfile.TemporaryDirectory(prefix="ab-") as folder:
        state = Path(folder) / "state"
        revocations = Revocations(state)
        revocations.revoke(token=REVOKED_TOKEN, subject=REVOKED_SUBJECT, seconds=3600)
        revocations.revoke(subject="janus:gone", seconds=3600)
        yield state


@pytest.fixture(scope="module")
def asterisk_door():
    """Where an Asterisk would dial in."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
async def gateway(asterisk22, tmp_path_factory, state, asterisk_door):
    folder = tmp_path_factory.mktemp("doors")
    gateways = Gateways(folder)
    yield await gateways.start(
        *(target(asterisk22), target(asterisk22, name="dialled", link="outbound")),
        state=str(state),
        auth=auth(folder),
        server={"asterisk": asterisk_door},
        limits={"rate": 1e6, "burst": 1_000_000, "ping_seconds": 300.0},
        janus={"session_seconds": 600.0},
    )
    await gateways.stop()


@asynccontextmanager
async def alices(gateway, http, janus=None):
    """The doors, and alice's things behind them; her own connections: a WebSocket, a data channel, its peer.

    ``janus`` are the credentials of her session there, if they are others.
    """
    stage = Stage(gateway, http, await an_offer(), {"target": "pbx", "name": "none", "end": ""})
    async with greeted(gateway.url, good()) as socket, connected(gateway.url, good()) as (peer, channel):
        own = janus or Credentials(token=good())
        stage.places["id"] = peer.id
        stage.places["session"] = await made(stage, "create", own)
        stage.places["handle"] = await made(stage, "attach", own)
        yield stage, (socket, channel, peer)


async def made(stage, name, credentials, **fields):
    """What a request of the Janus API has made: its id."""
    path, own = next((path, own) for message, path, own in MESSAGES if message == name)
    body = {"janus": name, "transaction": "t", **own, **fields, **credentials.fields}
    async with stage.http.post(stage.gateway.url + path.format(**stage.places), json=body) as response:
        answer = await response.json()
        assert answer["janus"] == "success", answer
        return str(answer["data"]["id"])


@pytest.fixture(scope="module")
async def trap():
    """A URL that nobody must fetch, which the test that does has to answer for."""
    fetched = []

    def fetch(_, writer):
        fetched.append(time.time())
        writer.close()

    server = await asyncio.start_server(fetch, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    assert not fetched


@pytest.fixture(scope="module")
async def table(trap):
    return ways(trap)


@pytest.fixture(scope="module")
async def doors(gateway):
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield await stack.enter_async_context(alices(gateway, http))


async def figures(gateway, state):
    """What the gateway holds for its clients, and has had Asterisk do for them."""
    kept = ("connections{", "webrtc_peers", "janus_sessions", 'requests_total{source="asterisk"')
    metrics = await gateway.metrics()
    held = {name: value for name, value in metrics.items() if name.startswith(tuple(f"aribridge_{k}" for k in kept))}
    connector = aiohttp.UnixConnector(str(state / "admin.sock"))
    async with aiohttp.ClientSession(connector=connector) as http, http.get("http://gateway/v1/status") as response:
        views = [target["views"] for target in (await response.json())["targets"]]
    return {name: value for name, value in held.items() if value} | {"views": views}


@pytest.mark.parametrize("name", NAMES)
async def test_is_refused_at_every_door_and_leaves_nothing(gateway, state, doors, table, name):
    stage, own = doors
    before = await figures(gateway, state)

    async def is_as_before():
        return await figures(gateway, state) == before

    answers = await every_door(stage, table[name], *own)
    assert {door: answer for door, answer in answers.items() if answer not in REFUSED} == {}
    await until(is_as_before, what="all is as it was before")


async def test_what_was_tried_has_touched_nothing(asterisk22, doors):
    stage, (socket, channel, _) = doors
    for connection in (socket, channel):
        assert (await connection.ask(type="request", target="pbx", op="asterisk.ping"))["status"] == 200
    own = Credentials(token=good())
    answers = {name: await post(stage, (name, path, fields), own) for name, path, fields in MESSAGES if path == HANDLE}
    assert answers == {"message": "ack", "trickle": "ack", "hangup": "success", "detach": "success"}
    assert MARK not in await asterisk22.cli("dialplan show globals")


OTHERS = {"bob": {"sub": "bob"}, "alice of another tenant": {"tenant": "acme"}}


@pytest.mark.parametrize("claims", OTHERS.values(), ids=OTHERS)
async def test_who_is_let_in_gets_nothing_of_somebody_elses(doors, claims):
    stage, own = doors
    answers = await every_door(stage, bearer(good(**claims)), *own)
    theirs = {
        **dict.fromkeys(("PATCH /v1/rtc/{id}", "DELETE /v1/rtc/{id}", "poll"), "404"),
        **{f"POST {name}": "janus 458" for name, *_ in MESSAGES if name != "create"},
        "Janus WebSocket": "janus 458, success",
        **{door: "unauthorized" for door in answers if door.startswith(("auth on", "hello on"))},
    }
    assert {door: answers[door] for door in theirs} == theirs


async def test_a_signed_token_for_another_plugin_attaches_to_none_but_that(doors):
    stage, _ = doors
    for token in (signed(plugins=[ECHO]), signed(plugins=[])):
        holder = Credentials(token=token)
        own = Stage(stage.gateway, stage.http, stage.offer, dict(stage.places))
        own.places["session"] = await made(own, "create", holder)
        attach = next(message for message in MESSAGES if message[0] == "attach")
        assert await post(own, attach, holder) == "janus 405"
        assert "janus 405" in (await janus_websocket(own, holder)).split(", ")


GOOD = {
    "a token": lambda: bearer(good()),
    "a token by a key of a set": lambda: bearer(good(SET["autumn"], "EdDSA", {"kid": "autumn"})),
    "the apisecret": lambda: Credentials(apisecret=API_SECRET),
    "a stored token": lambda: Credentials(token=STORED),
    "a signed token": lambda: Credentials(token=signed(plugins=[AriPlugin.info.name])),
}


@pytest.mark.parametrize("way", GOOD.values(), ids=GOOD)
async def test_good_credentials_are_refused_nowhere(asterisk22, gateway, way):
    """So that what the table sees is refused for its credentials, and not for what else is wrong with it."""
    credentials = way()
    async with aiohttp.ClientSession() as http, alices(gateway, http, credentials) as (stage, own):
        answers = await every_door(stage, credentials, *own)
    at_janus = {"poll", "Janus WebSocket", *(f"POST {name}" for name, *_ in MESSAGES)}
    only_janus = credentials.headers == ()
    refused = {door for door, answer in answers.items() if answer in REFUSED}
    assert refused == (answers.keys() - at_janus if only_janus else set())
    assert only_janus or MARK in await asterisk22.cli("dialplan show globals")


# --- which doors there are


def everything(applications, listener):
    """Method and address of what answers on a listener; HEAD is what GET is."""
    routes = [(route.method, route.resource) for route in applications[listener].router.routes()]
    return {("GET" if method == "HEAD" else method, resource.canonical) for method, resource in routes}


@pytest.fixture
async def applications(tmp_path):
    settings = Settings(state=str(tmp_path / "state"), asterisk=[AsteriskSettings(url="http://127.0.0.1:1/ari")])
    settings.server = ServerSettings(listen=f"127.0.0.1:{free_port()}", admin=f"127.0.0.1:{free_port()}")
    server = Server(settings)
    yield server.applications
    await server.stop()


FOR_ALL = {("GET", f"/{name}") for name in ("healthz", "readyz", "metrics", "version")}


async def test_each_address_is_in_the_table_or_open_to_all(applications):
    assert everything(applications, "server.listen") == GUARDED | OPEN
    assert everything(applications, "server.admin") == FOR_ALL


async def test_what_is_the_operators_is_on_no_listener(applications, gateway, state):
    theirs = {*everything(applications, "state") - FOR_ALL, *GUARDED}
    headers = {"Authorization": f"Bearer {good()}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        for method, path in theirs:
            for url in (gateway.admin_url, *([] if (method, path) in GUARDED else [gateway.url])):
                async with http.request(method, url + path.format_map(defaultdict(lambda: "x"))) as response:
                    assert response.status == 404, (method, path, url)
    assert (state / "admin.sock").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o077 == 0


# --- where an Asterisk dials in


def basic(user, password):
    return aiohttp.encode_basic_auth(user, password)


DIAL_IN = {
    "nothing": lambda user, password: Credentials(),
    "empty": lambda user, password: header(""),
    "a token": lambda user, password: header(f"Bearer {good()}"),
    "the password alone": lambda user, password: header(password),
    "another password": lambda user, password: header(basic(user, "guess")),
    "no password": lambda user, password: header(basic(user, "")),
    "password, cut": lambda user, password: header(basic(user, password[:-1])),
    "another user": lambda user, password: header(basic("admin", password)),
    "user and password as Bearer": lambda user, password: header(basic(user, password).replace("Basic", "Bearer")),
    "not base64": lambda user, password: header(f"Basic {user}:{password}"),
    "base64 that is cut": lambda user, password: header(basic(user, password)[:-1]),
    "two headers, the first good": lambda user, password: header(basic(user, password), basic(user, "guess")),
    "two headers, the second good": lambda user, password: header(basic(user, "guess"), basic(user, password)),
    "in the query": lambda user, password: Credentials(query=(("api_key", f"{user}:{password}"),)),
}


async def dial_in(url, credentials):
    headers = CIMultiDict(credentials.headers)
    async with aiohttp.ClientSession() as http:
        try:
            async with http.ws_connect(url, headers=headers, params=credentials.query, protocols=["ari"]):
                return "in"
        except aiohttp.WSServerHandshakeError as refused:
            return str(refused.status)


@pytest.mark.parametrize("way", DIAL_IN.values(), ids=DIAL_IN)
async def test_nobody_else_dials_in_as_an_asterisk(asterisk22, gateway, asterisk_door, way):
    credentials = way(asterisk22.user, asterisk22.password)
    assert await dial_in(f"http://{asterisk_door}/v1/asterisk/dialled", credentials) == "401"


async def test_a_right_password_dials_in_as_its_own_asterisk_alone(asterisk22, gateway, asterisk_door):
    right = header(basic(asterisk22.user, asterisk22.password))
    assert await dial_in(f"http://{asterisk_door}/v1/asterisk/pbx", right) == "404"
    assert await dial_in(f"http://{asterisk_door}/v1/asterisk/dialled", right) == "in"
