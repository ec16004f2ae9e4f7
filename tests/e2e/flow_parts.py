"""Callers who press digits, and what is left in Asterisk after a call flow."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from real.machine import free_port
from real.sipp import SCENARIOS
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from real.gateway import Gateway
    from real.sipp import Phone, Phones

    from aribridge.asterisk.instance import PrivateAsterisk

INFO = """
  <pause milliseconds="{pause}" />
  <send retrans="500">
    <![CDATA[
      INFO [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: "Test phone" <sip:tester@[local_ip]:[local_port]>;tag=[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: {cseq} INFO
      Contact: <sip:tester@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Type: application/dtmf-relay
      Content-Length: [len]

      Signal={digit}
      Duration=100
    ]]>
  </send>
  <recv response="200" timeout="5000" />
"""
MARKS = {"call_until_bye": '<recv request="BYE"', "call_for_a_while": "<pause />"}


async def press(phones: Phones, folder: Path, sip_port: int, digits: str, *, ms: int | None = None) -> Phone:
    """A phone that calls, presses these digits (a space is half a second), and stays, or hangs up after ``ms``."""
    name = "call_until_bye" if ms is None else "call_for_a_while"
    before, mark, after = (SCENARIOS / f"{name}.xml").read_text().partition(MARKS[name])
    pause, cseq, keys = 60, 1, []
    for digit in digits:
        if digit == " ":
            pause += 500
            continue
        cseq += 1
        keys.append(INFO.format(pause=pause, cseq=cseq, digit=digit))
        pause = 60
    after = after.replace("CSeq: 2 BYE", f"CSeq: {cseq + 1} BYE")
    scenario = folder / f"press-{abs(hash((digits, ms)))}"
    scenario.with_suffix(".xml").write_text(before + "".join(keys) + mark + after)
    return await phones.call(sip_port, "7001", scenario=str(scenario), ms=ms or 0)


class Ear(asyncio.DatagramProtocol):
    """Where a caller's audio comes in: counts RTP packets by the first byte of their payload."""

    def __init__(self) -> None:
        self.heard: Counter[int] = Counter()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        del addr
        self.heard[data[12]] += 1


@asynccontextmanager
async def listening(phones: Phones, folder: Path, sip_port: int, exten: str) -> AsyncIterator[tuple[Phone, Ear]]:
    """A caller who stays until the other side hangs up, and what it hears."""
    port = free_port()
    transport, ear = await asyncio.get_running_loop().create_datagram_endpoint(Ear, local_addr=("127.0.0.1", port))
    scenario = (SCENARIOS / "call_until_bye.xml").read_text().replace("[media_port]", str(port))
    path = folder / f"listening-{port}"
    path.with_suffix(".xml").write_text(re.sub(r"<nop>.*?</nop>", "", scenario, flags=re.DOTALL))
    try:
        yield await phones.call(sip_port, exten, scenario=str(path)), ear
    finally:
        transport.close()


async def ari(asterisk: PrivateAsterisk, path: str) -> Any:
    """GET from Asterisk itself, past the gateway."""
    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{asterisk.ari_url}{path}") as response:
        return await response.json()


async def past_the_gateway(asterisk: PrivateAsterisk, method: str, path: str) -> int:
    """A command to Asterisk itself; the status of the answer."""
    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.user, asterisk.password)}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(method, f"{asterisk.ari_url}{path}") as response,
    ):
        return response.status


async def hang_up_all(asterisk: PrivateAsterisk) -> None:
    """End every call, and every bridge, that Asterisk has."""
    for kind in ("/channels", "/bridges"):
        for thing in await ari(asterisk, kind):
            await past_the_gateway(asterisk, "DELETE", f"{kind}/{thing['id']}")
    await nothing_left(asterisk)


async def nothing_left(asterisk: PrivateAsterisk) -> None:
    """Wait until Asterisk has no channel and no bridge; AssertionError with what is left."""

    async def left() -> list[Any]:
        return [thing["id"] for kind in ("/channels", "/bridges") for thing in await ari(asterisk, kind)]

    async def empty() -> bool:
        return not await left()

    try:
        await until(empty)
    except AssertionError:
        raise AssertionError(f"left behind: {await left()}") from None


async def ended(gateway: Gateway) -> dict[str, Any]:
    """The log's line of the flow that ended last, when one has."""

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in gateway.log if '"flow.ended"' in line]

    return (await until(lines, what="flow.ended in the log"))[-1]


async def logged(gateway: Gateway, text: str) -> dict[str, Any]:
    """The first line of the log with this text."""

    def lines() -> list[str]:
        return [line for line in gateway.log if text in line]

    found: dict[str, Any] = json.loads((await until(lines, what=f"{text} in the log"))[0])
    return found
