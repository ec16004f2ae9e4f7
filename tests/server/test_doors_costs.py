"""What HTTP doors take of the gateway is paid for, or next to nothing."""

import asyncio
from collections import Counter
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from aribridge.ari import Catalogue, Operation
from aribridge.core.principal import Principal
from aribridge.server.bearer import CHARGE
from aribridge.server.doors.catalogue import CatalogueDoor
from aribridge.server.doors.state import StateDoor


@pytest.fixture
def made(monkeypatch):
    """One entry for each time that a catalogue was put together."""
    times, to_json = [], Catalogue.to_json
    monkeypatch.setattr(Catalogue, "to_json", lambda self: times.append(self) or to_json(self))
    return times


def link(*operations):
    return SimpleNamespace(catalogue=Catalogue(Operation(one, "GET", (one,), {}) for one in operations), version="22")


@pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")
async def test_a_catalogue_is_put_together_once_for_each_asterisk_that_connects(made):
    pbx = SimpleNamespace(name="pbx", link=link("channels.list"))
    everyone = SimpleNamespace(bearer=lambda _: Principal("alice"), learn=_nothing)
    door = CatalogueDoor(SimpleNamespace(pick=lambda _: pbx), everyone)
    app = web.Application()
    app[CHARGE] = lambda *_: None
    app.add_routes(door.routes())
    async with TestClient(TestServer(app)) as http:

        async def operations():
            async with http.get("/v1/catalogue/pbx", headers={"Authorization": "Bearer x"}) as answer:
                return [one["id"] for one in (await answer.json())["operations"]]

        assert [await operations() for _ in range(3)] == [["channels.list"]] * 3
        assert len(made) == 1
        pbx.link = link("bridges.list")  # upgraded
        assert [await operations() for _ in range(3)] == [["bridges.list"]] * 3
        assert len(made) == 2


async def test_states_that_are_asked_for_at_once_are_made_in_turns():
    turn, made = 0, []
    state = SimpleNamespace(counts=dict, all_values=lambda: made.append(turn) or {})
    pbx = SimpleNamespace(name="pbx", stream=SimpleNamespace(is_open=True, state=state, position={}))
    everyone = SimpleNamespace(bearer=lambda _: Principal("alice"), learn=_nothing)
    door = StateDoor(SimpleNamespace(pick=lambda _: pbx), everyone, SimpleNamespace(sight=lambda _: None))
    app = web.Application()
    app[CHARGE] = lambda *_: None
    request = make_mocked_request("GET", "/v1/state", {"Authorization": "Bearer x"}, app=app)
    get = next(iter(door.routes())).handler
    answers = asyncio.gather(*(get(request) for _ in range(20)))
    while not answers.done():
        await asyncio.sleep(0)
        turn += 1
    assert [answer.status for answer in answers.result()] == [200] * 20
    assert set(Counter(made).values()) == {1}


async def _nothing(_):
    return None
