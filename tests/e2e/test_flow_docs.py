"""Every block of Lua in the page on call flows runs with a real call."""

from __future__ import annotations

import json
import re

from flow_parts import ari, nothing_left
from real.gateway import target
from real.machine import ROOT
from real.wait import until
from real.wsclient import greeted

PAGE = (ROOT / "docs" / "flows.md").read_text("utf-8")
BLOCKS = re.findall(r"^```lua\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


async def test_every_block_of_the_page_runs(asterisk22, gateways, tmp_path):
    files = []
    for number, block in enumerate(BLOCKS):
        script = tmp_path / f"block{number}.lua"
        short = re.sub(r"sound:[\w-]+", "sound:beep", block)
        script.write_text(re.sub(r"PJSIP/20\d", "Local/603@default", short))
        files.append(str(script))
    gateway = await gateways.start(target(asterisk22), scripts={"files": files})
    async with greeted(gateway.url, gateway.token(), subs=[{"sub": 1}]) as client:
        for number in range(len(BLOCKS)):
            params = {"endpoint": "Local/600@default", "appArgs": f"block{number}"}
            made = await client.ask(type="request", op="channels.originate", params=params, flow=True)
            await client.event("StasisStart", id=made["body"]["id"])
        await until(lambda: len(lines(gateway, "flow.started")) == len(BLOCKS))
        await until(lambda: len(lines(gateway, "flow.ended")) >= len(BLOCKS) // 2, within=60)
        for channel in await ari(asterisk22, "/channels"):
            await client.request("DELETE", f"/channels/{channel['id']}")
        await until(lambda: len(lines(gateway, "flow.ended")) == len(BLOCKS), within=60)
    assert not lines(gateway, "script.error")
    assert {line["outcome"] for line in lines(gateway, "flow.ended")} <= {"hung up", "continued"}
    await nothing_left(asterisk22)


def lines(gateway, event):
    return [json.loads(line) for line in gateway.log if f'"event": "{event}"' in line]


def test_the_page_names_every_verb():
    sources = [path.read_text("ascii") for path in (ROOT / "lua" / "flow").glob("*.lua")]
    verbs = {verb for source in sources for verb in re.findall(r'host\.verb\("(\w+)"', source)}
    assert len(verbs) > 15
    assert not {verb for verb in verbs if f"{verb}(" not in PAGE and f"{verb}{{" not in PAGE}
