"""Foreign pages as the log tells of them."""

from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from aribridge.server.origins import Origins


async def refused(*origins):
    """What is logged when pages of these origins come."""
    cors = Origins([], dev=False).middleware()
    with capture_logs() as logs:
        for origin in origins:
            answer = await cors(make_mocked_request("GET", "/", headers={"Origin": origin, "Host": "pbx"}), None)
            assert answer.status == 403
    return [entry["origin"] for entry in logs if entry["event"] == "origin.refused"]


async def test_each_is_named_once_a_minute():
    assert await refused(*["https://a.example", "https://b.example"] * 100) == [
        "https://a.example",
        "https://b.example",
    ]


async def test_strangers_cannot_fill_the_disk_by_inventing_more():
    assert len(await refused(*(f"https://{number}.example" for number in range(1000)))) <= 100
