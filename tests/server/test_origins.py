"""Foreign pages as the log tells of them."""

import pytest
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


@pytest.mark.parametrize(
    ("origin", "allowed", "allowed_in_dev"),
    [
        ("https://pbx.example", True, True),
        ("http://PBX.example", True, True),
        ("https://pbx.example:8443", False, False),
        ("https://evilpbx.example", False, False),
        ("https://evil.pbx.example", False, False),
        ("https://pbx.example.evil", False, False),
        ("https://me@pbx.example", False, False),
        ("https://shop.example", True, True),
        ("https://SHOP.example/", True, True),
        ("http://shop.example", False, False),
        ("https://shop.example.evil", False, False),
        ("https://myshop.example", False, False),
        ("http://localhost:3000", False, True),
        ("http://127.0.0.1", False, True),
        ("http://[::1]:5173", False, True),
        ("http://localhost.evil", False, False),
        ("http://127.0.0.1.evil", False, False),
        ("null", False, False),
        ("", False, False),
        ("http://[", False, False),
    ],
)
def test_pages_of_the_gateway_itself_and_of_the_list_are_let_in_and_nobody_like_them(origin, allowed, allowed_in_dev):
    for is_dev, wanted in ((False, allowed), (True, allowed_in_dev)):
        assert Origins(["https://shop.example"], dev=is_dev).allows(origin, "pbx.example") is wanted
