"""Every door of a gateway that runs, tried with given credentials: what each answers is a short text.

Behind them are things of alice's, whom all of the credentials claim to be: a peer connection, and sessions of the Janus
API with handles. Nothing that is tried may touch them.
"""

import asyncio
import json
from dataclasses import dataclass, field

import aiohttp
from multidict import CIMultiDict

from aribridge.janus.plugins.ari import AriPlugin

DEADLINE = 30.0
MARK = "WAY_IN"
"""A global variable of Asterisk's that no try may set."""
COMMAND = {
    "type": "request",
    "id": "c",
    "target": "pbx",
    "op": "asterisk.setGlobalVar",
    "params": {"variable": MARK, "value": "1"},
}
REFUSED = {"401", "403", "janus 403", "unauthorized", "bad_frame"}


@dataclass
class Stage:
    """The gateway, and what of alice's lies behind its doors, by the names that addresses have for it."""

    gateway: object
    http: aiohttp.ClientSession
    offer: str
    places: dict[str, str] = field(default_factory=dict)

    @property
    def janus(self):
        return {"session_id": int(self.places["session"]), "handle_id": int(self.places["handle"])}

    @property
    def jsep(self):
        return {"type": "offer", "sdp": self.offer}


# --- HTTP

HANG_UP = ("DELETE", "/v1/rtc/{id}")
"""The last to be tried: a hello on a data channel needs the peer connection."""

NATIVE = {
    ("GET", "/v1/state"): {},
    ("GET", "/v1/state/{target}"): {},
    ("GET", "/v1/catalogue/{target}"): {},
    ("GET", "/v1/recordings/{target}/{name}"): {},
    ("POST", "/v1/rtc"): {"Content-Type": "application/sdp"},
    ("PATCH", "/v1/rtc/{id}"): {"Content-Type": "application/trickle-ice-sdpfrag"},
    HANG_UP: {},
}
"""Doors that take a Bearer token, with the headers that they need besides."""

ROOT, SESSION, HANDLE = (f"/janus{rest}{{end}}" for rest in ("", "/{session}", "/{session}/{handle}"))
MESSAGES = (
    ("create", ROOT, {}),
    ("claim", SESSION, {}),
    ("keepalive", SESSION, {}),
    ("attach", SESSION, {"plugin": AriPlugin.info.name}),
    ("message", HANDLE, {"body": {"request": "connect"}}),
    ("trickle", HANDLE, {"candidate": {"completed": True}}),
    ("hangup", HANDLE, {}),
    ("detach", HANDLE, {}),
    ("destroy", SESSION, {}),
)
POLL = ("GET", SESSION)
GUARDED = {*NATIVE, ("GET", "/v1/ws"), *(("POST", path) for _, path, _ in MESSAGES), POLL}

OPEN = {
    *(("GET", path) for path in ("/", "/aribridge.js", "/problems/{code}", "/client", "/console")),
    *(("GET", f"/janus/{name}{{end}}") for name in ("info", "ping")),
    ("GET", HANDLE),  # sends a poll of a handle to its session
    *(("OPTIONS", path) for path in (ROOT, SESSION, HANDLE)),
}
"""Addresses that ask for no credentials, and give nothing away."""


async def native(stage, door, credentials):
    """One of the doors of NATIVE."""
    method, path = door
    headers = CIMultiDict([*NATIVE[door].items(), *credentials.headers])
    body = stage.offer if method == "POST" else "a=end-of-candidates\r\n"
    return await _status(stage, method, path, credentials, headers=headers, data=body)


async def poll(stage, credentials):
    """The long poll of alice's session; it takes credentials in its query alone."""
    # What a URL cannot hold is left out; what is left opens nothing either.
    fields = {name: value[:4000].encode(errors="replace").decode() for name, value in credentials.fields.items()}
    return await _status(stage, *POLL, credentials, params=fields)


async def post(stage, message, credentials):
    """A request of the Janus API over HTTP."""
    name, path, fields = message
    body = {"janus": name, "transaction": "t", **_fields(stage, name, fields), **credentials.fields}
    url = stage.gateway.url + path.format(**stage.places)
    sent = {"headers": CIMultiDict(credentials.headers), "params": credentials.query, "data": json.dumps(body)}
    async with stage.http.post(url, **sent) as response:
        return _of_janus(await response.json())


async def _status(stage, method, path, credentials, *, headers=None, params=None, data=None):
    url = stage.gateway.url + path.format(**stage.places)
    sent = {
        "headers": headers,
        "params": credentials.query if params is None else params,
        "data": data,
        "allow_redirects": False,
    }
    async with stage.http.request(method, url, **sent) as response:
        return str(response.status)


# --- WebSockets


async def websocket(stage, credentials):
    """A WebSocket of protocol v1: by its header, else by a hello, with a command right behind."""
    try:
        async with _socket(stage, "/v1/ws", "aribridge.v1", credentials) as socket:
            hello = {"type": "hello", "id": "h", "subs": [{"sub": 1}]}
            token = {} if credentials.token is None else {"token": credentials.token}
            await socket.send_str(json.dumps(hello | token))
            await socket.send_str(json.dumps({"type": "request", "id": "c", **COMMAND}))
            return _code(json.loads(await socket.receive_str(timeout=DEADLINE)))
    except aiohttp.WSServerHandshakeError as refused:
        return str(refused.status)


async def janus_websocket(stage, credentials):
    """A WebSocket of the Janus API with every request there is; the answers that differ, one behind the other."""
    answers = set()
    async with _socket(stage, "/janus", "janus-protocol", credentials) as socket:
        for name, path, fields in MESSAGES:
            address = {field: stage.janus[field] for field in _ADDRESS[path]}
            request = {"janus": name, "transaction": "t", **address, **_fields(stage, name, fields)}
            await socket.send_str(json.dumps(request | credentials.fields))
            answers.add(_of_janus(json.loads(await socket.receive_str(timeout=DEADLINE))))
    return ", ".join(sorted(answers))


_ADDRESS = {ROOT: (), SESSION: ("session_id",), HANDLE: ("session_id", "handle_id")}


def _socket(stage, path, protocol, credentials):
    url = stage.gateway.url + path
    sent = {"headers": CIMultiDict(credentials.headers), "params": credentials.query}
    return stage.http.ws_connect(url, protocols=[protocol], **sent)


def _fields(stage, name, fields):
    return fields | {"jsep": stage.jsep} if name == "message" else fields


def _of_janus(answer):
    return f"janus {answer['error']['code']}" if answer["janus"] == "error" else answer["janus"]


# --- a connection that is open already


async def refresh(carrier, credentials):
    """``auth`` on a connection of alice's; None where there is no token to send."""
    if not credentials.is_text:
        return None
    return _code(await carrier.ask(type="auth", token=credentials.token))


async def hello(peer, credentials):
    """A hello with a token on a data channel, which has alice's already; None where there is no token to send."""
    if not credentials.is_text:
        return None
    channel = await peer.channel().opened()
    try:
        return _code(await channel.ask(type="hello", token=credentials.token))
    finally:
        channel.close()


def _code(reply):
    return reply["error"]["code"] if "error" in reply else reply.get("slug", reply["type"])


async def every_door(stage, credentials, socket, channel, peer):
    """What each door answers to the credentials, by the door's name; the last three are alice's own connections."""
    answers = await _all(
        {
            **{" ".join(door): native(stage, door, credentials) for door in NATIVE if door != HANG_UP},
            **{f"POST {message[0]}": post(stage, message, credentials) for message in MESSAGES},
            "poll": poll(stage, credentials),
            "WebSocket": websocket(stage, credentials),
            "Janus WebSocket": janus_websocket(stage, credentials),
            "auth on a WebSocket": refresh(socket, credentials),
            "auth on a data channel": refresh(channel, credentials),
            "hello on a data channel": hello(peer, credentials),
        }
    )
    return answers | await _all({" ".join(HANG_UP): native(stage, HANG_UP, credentials)})


async def _all(tries):
    async with asyncio.timeout(DEADLINE):
        answers = await asyncio.gather(*tries.values())
    return {door: answer for door, answer in zip(tries, answers, strict=True) if answer is not None}
