"""The same requests to the real Janus and to the gateway: clients that work with one work with the other."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from janus_rig import RawClient, serving, token
from real.janus import real_janus
from yarl import URL

from aribridge.core.settings import JanusLuaSettings, ScriptSettings
from aribridge.janus.plugins.lua import LuaPlugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCRIPT = Path(__file__).with_name("janus_calls.lua")
PLUGIN, CALLS = "janus.plugin.echotest", "test.plugin.calls"
PING = '{"janus":"ping","transaction":"t"}'


@dataclass
class Door:
    """One of the two: its addresses, and what it was asked on."""

    url: str
    http: str
    web: aiohttp.ClientSession
    client: RawClient
    session: int = 0
    handle: int = 0
    script: int = 0

    async def frame(self, frame: str | bytes) -> dict[str, Any]:
        """The answer to a frame, ids by name."""
        frame = frame if isinstance(frame, bytes) else self.named(frame)
        await (self.client.ws.send_bytes(frame) if isinstance(frame, bytes) else self.client.ws.send_str(frame))
        return self.told(await self.client.next())

    async def post(self, path: str, **body: Any) -> dict[str, Any] | int:
        """The answer to a POST, or its status."""
        message = self.named(json.dumps({"transaction": "t", "token": token(), **body}))
        async with self.web.post(self.http + self.named(path), data=message) as response:
            return self.told(await response.json()) if response.status == 200 else response.status

    async def get(self, path: str) -> Any:
        """What a GET leads to."""
        url = self.http + self.named(path)
        async with self.web.get(url, params={"token": token()}, allow_redirects=False) as response:
            leads = response.url.join(URL(response.headers.get("Location", "")))
            return response.status, leads.path.replace(str(self.session), "<S>")

    async def script_does(self, **body: Any) -> Any:
        """What the script's answer is to a message, and the events that it sent."""
        where = {"session_id": self.session, "handle_id": self.script}
        reply = await self.client.ask("message", **where, body=body)
        if reply["janus"] == "error":
            return reply["error"]["code"]
        # All that the script sent is there when a later request is answered.
        await self.client.ask("keepalive", session_id=self.session)
        events = [await self.client.event("event") for _ in list(self.client.inbox)]
        return reply["janus"], reply.get("plugindata"), [(it["plugindata"], it.get("transaction")) for it in events]

    def named(self, text: str) -> str:
        for name, number in (("<S>", self.session), ("<H>", self.handle)):
            text = text.replace(f'"{name}"', str(number)).replace(name, str(number))
        return text

    def told(self, answer: dict[str, Any]) -> dict[str, Any]:
        names = {self.session: "S", self.handle: "H"}
        told = {key: names.get(value, value) if key.endswith("_id") else value for key, value in answer.items()}
        if "error" in told:
            told["error"] = told["error"]["code"]
        return {key: told[key] for key in told.keys() - {"hint", "data"}}


@asynccontextmanager
async def door(url: str, http: str, web: aiohttp.ClientSession) -> AsyncIterator[Door]:
    async with web.ws_connect(url, protocols=["janus-protocol"]) as ws:
        client = RawClient(ws, {"token": token()})
        session = await client.create()
        handle = (await client.attach(session, PLUGIN))["handle_id"]
        script = (await client.attach(session, CALLS))["handle_id"]
        yield Door(url, http, web, client, session, handle, script)


@pytest.fixture(scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Door]]:
    folder = tmp_path_factory.mktemp("both")
    plugin = LuaPlugin(JanusLuaSettings(script=str(SCRIPT)), ScriptSettings(), None, {})
    plugin.load()
    await plugin.start()
    async with (
        real_janus(folder / "janus", SCRIPT, "") as there,
        serving(folder, [plugin]) as here,
        door(there.url, there.http, here.http) as janus,
        door(f"ws://127.0.0.1:{here.port}/any/path", here.url, here.http) as ours,
    ):
        yield [janus, ours]
    await plugin.stop()


async def alike(both: list[Door], kind: str, *asked: Any, **fields: Any) -> Any:
    """The answer that both give."""
    there, here = [await getattr(door, kind)(*asked, **fields) for door in both]
    assert here == there
    return here


@pytest.mark.parametrize(
    "frame",
    [
        PING,
        PING.encode(),
        '{"janus":"ping","transaction":"t","session_id":null,"handle_id":null,"token":null,"apisecret":null}',
        '{"janus":"ping"}',
        '{"janus":"ping","transaction":5}',
        "{",
        "",
        PING + "x",
        '{"janus":"ping","transaction":"t","x":1e999}',
        b"\xff",
        '{"janus":"keepalive","transaction":"t","session_id":<S>,"handle_id":<H>,"token":TOKEN}',
        '{"janus":"keepalive","transaction":"t","session_id":<S>,"handle_id":null,"token":TOKEN}',
        '{"janus":"keepalive","transaction":"t","session_id":<S>,"handle_id":5,"token":TOKEN}',
        '{"janus":"claim","transaction":"t","session_id":<S>,"handle_id":<H>,"token":TOKEN}',
        '{"janus":"destroy","transaction":"t","session_id":<S>,"handle_id":<H>,"token":TOKEN}',
        '{"janus":"attach","transaction":"t","session_id":<S>,"plugin":"nobody","token":TOKEN}',
        '{"janus":"nonsense","transaction":"t","session_id":<S>,"token":TOKEN}',
        '{"janus":"message","transaction":"t","session_id":<S>,"handle_id":5,"body":{},"token":TOKEN}',
    ],
)
async def test_a_frame(both: list[Door], frame: str | bytes) -> None:
    await alike(both, "frame", frame.replace("TOKEN", json.dumps(token())) if isinstance(frame, str) else frame)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *((path, {"janus": "ping"}) for path in ("", "/")),
        *((path, {"janus": "keepalive"}) for path in ("/<S>", "/<S>/", "/000<S>", "/<S>/<H>/")),
        *((path, {"janus": "keepalive", "session_id": "<S>"}) for path in ("", "/", "/<S>")),
        ("", {"janus": "trickle", "session_id": "<S>", "handle_id": "<H>", "candidate": {"completed": True}}),
        ("/<S>", {"janus": "trickle", "handle_id": "<H>", "candidate": {"completed": True}}),
        ("/<S>/<H>/", {"janus": "trickle", "candidate": {"completed": True}}),
        ("", {"janus": "keepalive", "session_id": 5}),
    ],
)
async def test_a_post(both: list[Door], path: str, body: dict[str, Any]) -> None:
    await alike(both, "post", path, **body)


@pytest.mark.parametrize("path", ["/info", "/info/", "/<S>/<H>", "/<S>/<H>/"])
async def test_a_get(both: list[Door], path: str) -> None:
    status, _ = await alike(both, "get", path)
    assert status in {200, 302}


async def test_times_are_whole_numbers(both: list[Door]) -> None:
    for door in both:
        async with door.web.get(f"{door.http}/info") as response:
            info = await response.json()
        times = [info[f"{what}-timeout"] for what in ("session", "reclaim-session", "candidates")]
        assert [type(seconds) for seconds in times] == [int] * 3
        assert info["accepting-new-sessions"] is True


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        *(
            ("pushEvent", ("<id>", *rest))
            for rest in (("t", '{"a":1}', None), (None, '{"a":1}', None), ("", "{}", None))
        ),
        *(
            ("pushEvent", ("<id>", "t", event, None))
            for event in ("x", '{"a":1e999}', '{"a":1} x', ' {"a":1} ', '{"a":"\\u00e9"}', None)
        ),
        *(("pushEvent", ("<id>", "t", "{}", jsep)) for jsep in ("x", "[]", "{}")),
        ("pushEvent", ("<id>", "t", "{}")),
        ("pushEvent", (77, "t", "{}", None)),
        *(
            ("configureMedium", ("<id>", *rest))
            for rest in (("data", "in", True), ("DATA", "Out", True), ("data", "in"))
        ),
        *(("notifyEvent", rest) for rest in (("<id>", "{}"), (0, "{}"), (77, "{}"), ("<id>",))),
        *(("addRecipient", ("<id>", other)) for other in ("<id>", 77)),
        *(("timeCallback", rest) for rest in (("handleMessage", None), ("nothing", "x", 1e6, 1))),
        *(("relayTextData", ("<id>", "x", *rest)) for rest in ((), (1,), (0,))),
        ("closePc", ("<id>",)),
        ("closePc", (77,)),
        ("pokeScheduler", ()),
        ("eventsIsEnabled", ()),
    ],
)
async def test_a_function_for_scripts(both: list[Door], call: str, arguments: tuple[Any, ...]) -> None:
    await alike(both, "script_does", call=call, arguments=numbered(arguments), n=len(arguments))


async def test_an_event_that_is_an_array_is_not_sent(both: list[Door]) -> None:
    # Janus returns the number of an error of its own API here, 455.
    arguments = numbered(("<id>", "t", "[1]", None))
    answers = [await door.script_does(call="pushEvent", arguments=arguments, n=4) for door in both]
    assert all(data["data"]["result"] != 0 and not events for _, data, events in answers)


@pytest.mark.parametrize(
    "returns",
    [
        *((0, text) for text in ('{"a":1}', "x", "[]", "", None)),
        *((number, "text") for number in (-1, 1, 2.5, "1", "-1", True, None, "x")),
        ("0", '{"a":1}'),
        (0, '{"a":1}', "more"),
        (1, None),
        (-1, None),
        (0,),
        (),
    ],
)
async def test_what_handle_message_returns(both: list[Door], returns: tuple[Any, ...]) -> None:
    await alike(both, "script_does", returns=numbered(returns), n=len(returns))


def numbered(values: tuple[Any, ...]) -> dict[str, Any]:
    """A list as JSON of Lua's has it with nil in it: an object without what is nil."""
    return {str(number): value for number, value in enumerate(values, 1) if value is not None}
