"""What an operator asks of a gateway with many clients holds up none of them."""

import asyncio
import json
from types import SimpleNamespace

from aribridge.core.settings import LogSettings
from aribridge.server.control import Control

MANY = 2000


async def test_connections_are_listed_in_turns():
    turns, made = [0], []
    report = {"connection": "c_1", "user": {"sub": "alice"}, "since": 1.0}
    one = SimpleNamespace(to_report=lambda: made.append(turns[0]) or report)
    routes = Control(SimpleNamespace(connections=(one,) * MANY), LogSettings(), lambda: None).routes()
    listing = asyncio.create_task(next(route.handler for route in routes if route.path == "/v1/connections")(None))
    while not listing.done():
        await asyncio.sleep(0)
        turns[0] += 1
    assert json.loads(listing.result().body) == {"connections": [report] * MANY}
    assert max(made.count(turn) for turn in made) <= MANY / 10
