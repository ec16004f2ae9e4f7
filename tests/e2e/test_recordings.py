"""Stored recordings by HTTP, from real Asterisks: whole and in ranges, to whom the policy gives them."""

import asyncio
import json
import secrets
import socket
from urllib.parse import quote, urlsplit

import aiohttp
import psutil
import pytest
from policy_parts import person, two_tenants
from real.gateway import target
from real.proxy import faulty_proxy
from real.wait import until
from real.wsclient import greeted

TONE = "Local/9@acme"
LARGE = 300 << 20


@pytest.fixture
async def acme(asterisk, tmp_path, gateways):
    """Two tenants, and a phone of acme's that hums."""
    for priority, what in enumerate(("Answer", "Playtones,440", "Wait,60"), 1):
        await asterisk.cli(f"dialplan add extension 9,{priority},{what} into acme")
    async with two_tenants(asterisk, tmp_path, gateways) as (gateway, _):
        yield gateway


@pytest.fixture
async def recorded(acme, asterisk):
    """The name of a recording that ann, an agent, made of her call."""
    name = f"acme/2026/call {secrets.token_hex(4)}"
    await record(acme, asterisk, ann(acme), name)
    return name


async def record(gateway, asterisk, token, name):
    async with greeted(gateway.url, token, subs=[{"sub": 1}]) as client:
        channel = (await client.request("POST", "/channels", query={"endpoint": TONE}))["body"]["id"]
        await client.event("StasisStart", id=channel)
        body = {"name": name, "format": "wav"}
        assert (await client.request("POST", f"/channels/{channel}/record", body=body))["status"] == 201
        await client.until(lambda seen: seen["type"] == "event" and seen["data"]["type"] == "RecordingStarted")
        file = stored(asterisk) / f"{name}.wav"
        # Asterisk tells of the start before it opens the file.
        await until(lambda: file.exists() and file.stat().st_size > 8000, what="something is recorded")
        stopped = await client.request("POST", f"/recordings/live/{quote(name, safe='')}/stop")
        assert stopped["status"] == 204, stopped
        await client.until(lambda seen: seen["type"] == "event" and seen["data"]["type"] == "RecordingFinished")
        await client.request("DELETE", f"/channels/{channel}")
        await client.event("ChannelDestroyed", id=channel)


def ann(gateway):
    return person(gateway, "ann", "acme", "agent", endpoints=[TONE])


def stored(asterisk):
    """The folder of its stored recordings."""
    return next(path for path in asterisk.folder.rglob("recording") if path.is_dir())


async def ask(gateway, name, token, method="GET", target="pbx", **headers):
    sent = {"Authorization": f"Bearer {token}"} | {key.replace("_", "-"): value for key, value in headers.items()}
    url = f"{gateway.url}/v1/recordings/{target}/{quote(name)}"
    async with aiohttp.ClientSession() as http, http.request(method, url, headers=sent) as response:
        return response.status, response.headers, await response.read()


async def test_who_made_a_recording_gets_it_whole_and_in_parts(acme, recorded, asterisk):
    on_disk = (stored(asterisk) / f"{recorded}.wav").read_bytes()
    status, headers, body = await ask(acme, recorded, ann(acme))
    assert (status, headers["Content-Type"], int(headers["Content-Length"])) == (200, "audio/wav", len(on_disk))
    assert body == on_disk
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    size = len(on_disk)
    for wanted, first, last in (
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=2000-", 2000, size - 1),
        ("bytes=-300", size - 300, size - 1),
        (f"bytes=10-{size + 10}", 10, size - 1),
    ):
        status, headers, body = await ask(acme, recorded, ann(acme), Range=wanted)
        assert (status, headers["Content-Range"]) == (206, f"bytes {first}-{last}/{size}")
        assert body == on_disk[first : last + 1]
    for none in (f"bytes={size}-", "bytes=-0"):
        status, headers, body = await ask(acme, recorded, ann(acme), Range=none)
        assert (status, headers["Content-Range"], json.loads(body)["code"]) == (
            416,
            f"bytes */{size}",
            "range_not_satisfiable",
        )
    for ignored in ("bytes=5-2", "lines=1-2", "bytes=0-1,4-5"):
        assert (await ask(acme, recorded, ann(acme), Range=ignored))[::2] == (200, on_disk)
    assert (await ask(acme, recorded, ann(acme), Range="bytes=0-1", If_Range='"x"'))[::2] == (200, on_disk)
    for ignored in ({}, {"Range": "bytes=0-1"}, {"Range": f"bytes={size}-"}):
        status, headers, body = await ask(acme, recorded, ann(acme), method="HEAD", **ignored)
        assert (status, int(headers["Content-Length"]), body) == (200, size, b"")


async def test_others_get_nothing_and_all_is_on_record(acme, recorded):
    sue = person(acme, "sue", "acme", "supervisor")
    assert (await ask(acme, recorded, sue))[0] == 200
    for token, code in (
        (person(acme, "bob", "acme", "agent"), "forbidden"),
        (person(acme, "vic", "acme", "viewer"), "forbidden"),
        (person(acme, "gus", "globex", "supervisor"), "forbidden"),
        (person(acme, "ada", "globex", "admin"), None),
        ("none", "unauthorized"),
    ):
        status, headers, body = await ask(acme, recorded, token)
        if code is None:
            assert status == 200
            continue
        assert headers["Content-Type"] == "application/problem+json"
        assert (status, json.loads(body)["code"]) == ({"forbidden": 403, "unauthorized": 401}[code], code)
    for name, pbx, problem in (
        ("acme/not-there", "pbx", (404, "asterisk_error")),
        (recorded, "other", (404, "unknown_target")),
        ("acme//x", "pbx", (400, "bad_path")),
    ):
        status, _, body = await ask(acme, name, sue, target=pbx)
        assert (status, json.loads(body)["code"]) == problem
        assert "in the body" not in json.loads(body)["detail"]
    await until(lambda: len(lines(acme, "sue")) >= 2, what="all is on record")
    got, missing, *_ = lines(acme, "sue")
    assert got["on"] == {"recordings": [recorded]}
    assert (got["effect"], got["status"], got["outcome"], got["carrier"]) == ("allow", 200, "applied", "http")
    assert (missing["effect"], missing["status"]) == ("allow", 404)
    assert [(one["effect"], one["outcome"]) for one in lines(acme, "gus")] == [("deny", "not_applied")]


async def test_a_recording_with_the_name_of_a_deleted_one_is_whose_it_is_now(acme, recorded, asterisk):
    async with greeted(acme.url, person(acme, "sue", "acme", "supervisor")) as sue:
        deleted = await sue.request("DELETE", f"/recordings/stored/{quote(recorded, safe='')}")
        assert deleted["status"] == 204
    bob = person(acme, "bob", "acme", "agent", endpoints=[TONE])
    await record(acme, asterisk, bob, recorded)
    assert [(await ask(acme, recorded, token))[0] for token in (bob, ann(acme))] == [200, 403]


def lines(gateway, sub):
    return [one for one in gateway.audit if (one.get("op"), one.get("sub")) == ("recordings.getStoredFile", sub)]


async def test_a_page_of_an_allowed_origin_may_read_it(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22), server={"origins": ["https://crm.example"]})
    (stored(asterisk22) / "for-pages.wav").write_bytes(b"RIFF")
    status, headers, _ = await ask(gateway, "for-pages", gateway.token(), Origin="https://crm.example")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "https://crm.example")
    assert "Content-Range" in headers["Access-Control-Expose-Headers"]
    assert (await ask(gateway, "for-pages", gateway.token(), Origin="https://evil.example"))[0] == 403


async def test_a_script_may_refuse_it(gateways, asterisk22, tmp_path):
    script = tmp_path / "no.lua"
    script.write_text(
        'local bridge = require "bridge"\nfunction on_command(conn, cmd)\n'
        "  local name = cmd.params.recordingName\n"
        '  if conn.carrier == "http" and name == "closed" then return bridge.deny("not today") end\n'
        '  if name == "moved" then cmd.params.recordingName = "open" end\n'
        "  return cmd\nend\n"
    )
    gateway = await gateways.start(target(asterisk22), scripts={"files": [str(script)]})
    for name in ("open", "closed"):
        (stored(asterisk22) / f"{name}.wav").write_bytes(name.encode())
    status, _, body = await ask(gateway, "closed", gateway.token())
    assert status == 403, (body, gateway.log[-3:])
    assert (status, json.loads(body)["detail"]) == (403, "not today")
    assert (await ask(gateway, "moved", gateway.token()))[::2] == (200, b"open")


async def test_who_does_not_read_is_cut_and_costs_no_memory_and_no_connection_for_commands(gateways, asterisk22):
    file = stored(asterisk22) / "long.wav"
    with file.open("wb") as made:
        made.truncate(LARGE)
    try:
        gateway = await gateways.start(target(asterisk22, connections=2))
        before = psutil.Process(gateway.pid).memory_info().rss
        stalled = [await stall(gateway) for _ in range(8)]
        status, headers, body = await ask(gateway, "long", gateway.token())
        assert (status, headers["Retry-After"], json.loads(body)["code"]) == (429, "1", "too_many_requests")
        async with greeted(gateway.url, gateway.token()) as client:
            assert (await client.request("GET", "/recordings/stored"))["status"] == 200
        assert psutil.Process(gateway.pid).memory_info().rss - before < 40 << 20
        await until(lambda: len(cut(gateway)) == 8, within=60, what="they are cut")
        part = await ask(gateway, "long", gateway.token(), Range=f"bytes={LARGE - 10}-")
        assert (part[0], part[2]) == (206, bytes(10))
        for reader in stalled:
            reader.close()
    finally:
        file.unlink()


async def stall(gateway):
    """Ask for the file, and read no more than the first bytes."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(reader, ("127.0.0.1", gateway.port))
    head = f"GET /v1/recordings/pbx/long HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.token()}\r\n\r\n"
    await loop.sock_sendall(reader, head.encode())
    assert (await loop.sock_recv(reader, 12)) == b"HTTP/1.1 200"
    return reader


def cut(gateway):
    return [one for one in lines(gateway, "alice") if (one["status"], one["outcome"]) == (499, "unknown")]


async def test_a_file_that_breaks_off_does_not_look_whole(gateways, asterisk22):
    file = stored(asterisk22) / "broken.wav"
    with file.open("wb") as made:
        made.truncate(LARGE)
    try:
        async with faulty_proxy(urlsplit(asterisk22.ari_url).port) as proxy, aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{proxy.port}/ari"
            gateway = await gateways.start(target(asterisk22) | {"url": url})
            headers = {"Authorization": f"Bearer {gateway.token()}"}
            async with http.get(f"{gateway.url}/v1/recordings/pbx/broken", headers=headers) as response:
                await response.content.read(1000)
                proxy.refuse()
                proxy.cut()
                with pytest.raises((aiohttp.ClientError, ConnectionError)):
                    await response.read()
            await until(lambda: gone(gateway), what="the link is down")
            status, _, body = await ask(gateway, "broken", gateway.token())
            assert (status, json.loads(body)["code"]) == (503, "target_down")
            proxy.accept()
            await gateway.stop()
        assert [one["error"] for one in lines(gateway, "alice")] == ["target_down", "target_down"]
    finally:
        file.unlink()


async def gone(gateway):
    return (await gateway.admin("/readyz"))[0] == 503


async def test_a_revoked_reader_is_cut(gateways, asterisk22):
    file = stored(asterisk22) / "revoked.wav"
    with file.open("wb") as made:
        made.truncate(LARGE)
    try:
        gateway = await gateways.start(target(asterisk22))
        async with aiohttp.ClientSession() as http:
            headers = {"Authorization": f"Bearer {gateway.token()}"}
            async with http.get(f"{gateway.url}/v1/recordings/pbx/revoked", headers=headers) as response:
                await response.content.read(1000)
                socket_path = aiohttp.UnixConnector(str(gateway.state / "admin.sock"))
                async with (
                    aiohttp.ClientSession(connector=socket_path) as local,
                    local.post("http://gateway/v1/revoke", json={"sub": "alice", "seconds": 60}) as answer,
                ):
                    assert await answer.json() == {"closed": 1}
                with pytest.raises((aiohttp.ClientError, ConnectionError)):
                    await response.read()
    finally:
        file.unlink()
