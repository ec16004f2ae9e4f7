"""bridge.http, against HTTP servers on this machine."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from script_parts import ScriptClient
from yarl import URL

from aribridge.protocol.problems import Problem
from aribridge.script.errors import CallFailure
from aribridge.script.http import LARGEST_BODY, HostRule, Http, HttpRequest

HEAD = "local bridge = require 'bridge'\nfunction on_message(conn, data)\n"


async def echo(request: web.Request) -> web.Response:
    told = {"method": request.method, "body": await request.text(), "headers": dict(request.headers)}
    return web.json_response(told, headers={"X-Two": "a"}, status=int(request.query.get("status", "200")))


async def redirect(request: web.Request) -> web.Response:
    raise web.HTTPFound(request.query.get("to", "/around"))


async def large(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x" * 65536)
    except ConnectionError:
        return response


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    raise AssertionError


dropped: list[str] = []


async def drop(request: web.Request) -> web.Response:
    dropped.append(request.method)
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def deep(_: web.Request) -> web.Response:
    return web.Response(text="[" * 100_000, content_type="application/json")


async def binary(_: web.Request) -> web.Response:
    return web.Response(body=b"\xff\x00\xfe")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[TestServer]:
    app = web.Application()
    for path, handler in (
        ("/echo", echo),
        ("/deep", deep),
        ("/redirect", redirect),
        ("/around", redirect),
        ("/large", large),
        ("/hang", hang),
        ("/drop", drop),
        ("/bin", binary),
    ):
        app.router.add_route("*", path, handler)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    yield server
    await server.close()


@pytest.fixture
async def http(server: TestServer) -> AsyncIterator[Http]:
    http = Http([f"127.0.0.1:{server.port}"])
    yield http
    await http.close()


async def ask(load: Any, client: ScriptClient, server: TestServer, body: str, path: str = "/echo") -> Any:
    host = load(HEAD + body + "\nend", http_allow=["127.0.0.1:*"])
    return await host.on_message(client, str(server.make_url(path)))


async def test_a_script_gets_status_headers_body_and_decoded_json(
    load: Any, client: ScriptClient, server: TestServer
) -> None:
    body = """
        local answer = bridge.http{url = data, method = "POST", headers = {["X-Key"] = "k"}, body = {number = "200"}}
        return {answer.status, answer.headers["x-two"], answer.json.method, answer.json.body,
                answer.json.headers["X-Key"], answer.json.headers["Content-Type"], #answer.body > 10}"""
    told = await ask(load, client, server, body, "/echo?status=404")
    assert told == [404, "a", "POST", '{"number":"200"}', "k", "application/json", True]


async def test_text_goes_as_it_is_and_bytes_come_as_they_are(
    load: Any, client: ScriptClient, server: TestServer
) -> None:
    body = 'return bridge.http{url = data, method = "PUT", body = "plain ü"}.json.body'
    assert await ask(load, client, server, body) == "plain ü"
    body = "local answer = bridge.http{url = data} return {answer.json == nil, answer.body:byte(1, -1)}"
    assert await ask(load, client, server, body, "/bin") == [True, 255, 0, 254]


async def test_json_that_nobody_can_read_is_text(load: Any, client: ScriptClient, server: TestServer) -> None:
    body = "local answer = bridge.http{url = data} return {answer.status, answer.json == nil, #answer.body}"
    assert await ask(load, client, server, body, "/deep") == [200, True, 100_000]


async def test_errors_are_tables(load: Any, client: ScriptClient, server: TestServer) -> None:
    body = """
        local errors = {}
        for i, request in ipairs{
          {url = "http://127.0.0.2:1/"}, {url = "http://127.0.0.1:1/"}, {url = data, timeout = 0.05},
          {url = 5}, {url = data, headers = {a = "b\\nc"}}, {url = "ftp://127.0.0.1:1/"}, {url = data, timeout = 0},
          {url = "nonsense"}
        } do
          local ok, problem = pcall(bridge.http, request)
          errors[i] = {problem.code, problem.outcome}
        end
        return errors"""
    wrong = ["bad_parameter", "not_applied"]
    assert await ask(load, client, server, body, "/hang") == [
        ["forbidden", "not_applied"],
        ["http_failed", "not_applied"],
        ["timeout", "unknown"],
        *[wrong] * 5,
    ]
    with pytest.raises(Problem, match=r"bridge\.http takes a table"):
        await ask(load, client, server, "bridge.http(data)")


async def test_nothing_is_allowed_unless_it_is_configured(load: Any, client: ScriptClient) -> None:
    host = load(HEAD + "bridge.http{url = 'https://example.com/?secret=1'} end")
    with pytest.raises(Problem, match=r"scripts may not reach example.com:443: .* scripts.http_allow") as problem:
        await host.on_message(client, 1)
    assert "secret" not in problem.value.detail


async def test_redirects_are_followed_within_the_rule_only(http: Http, server: TestServer) -> None:
    near = server.make_url("/redirect").with_query(to="/echo")
    assert (await http.send(HttpRequest(str(near)))).status == 200
    far = server.make_url("/redirect").with_query(to="http://localhost:1/")
    with pytest.raises(CallFailure, match="may not reach localhost:1"):
        await http.send(HttpRequest(str(far)))
    file = server.make_url("/redirect").with_query(to="file:///etc/passwd")
    with pytest.raises(CallFailure):
        await http.send(HttpRequest(str(file)))
    with pytest.raises(CallFailure) as failure:
        await http.send(HttpRequest(str(server.make_url("/around"))))
    assert failure.value.code == "http_failed"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("http://localhost:1/", "forbidden"),
        ("http://127.0.0.1:1/", "http_failed"),
        ("ftp://127.0.0.1/", "http_failed"),
        ("http:///nowhere", "http_failed"),
    ],
)
async def test_what_led_elsewhere_may_have_been_carried_out(server: TestServer, to: str, code: str) -> None:
    url = server.make_url("/redirect").with_query(to=to)
    http = Http(["127.0.0.1:*"])
    with pytest.raises(CallFailure) as failure:
        await http.send(HttpRequest(str(url), method="POST", body="buy"))
    await http.close()
    assert (failure.value.code, failure.value.outcome) == (code, "unknown")


async def test_an_answer_without_end_is_refused(http: Http, server: TestServer) -> None:
    with pytest.raises(CallFailure) as failure:
        await asyncio.wait_for(http.send(HttpRequest(str(server.make_url("/large")))), 10)
    assert failure.value.code == "reply_too_large"
    assert f"{LARGEST_BODY >> 20} MiB" in failure.value.detail


async def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = TestServer(web.Application(), scheme="https", host="localhost")
    await server.start_server(ssl=context)
    http = Http(["localhost:*"])
    try:
        with pytest.raises(CallFailure, match=r"(?i)certificate") as failure:
            await http.send(HttpRequest(str(server.make_url("/"))))
        assert failure.value.code == "http_failed"
    finally:
        await http.close()
        await server.close()


@pytest.mark.parametrize(
    ("glob", "url", "allowed"),
    [
        ("crm.example.com", "https://crm.example.com/x", True),
        ("crm.example.com", "http://CRM.example.com/x", True),
        ("crm.example.com", "http://crm.example.com:8080/", False),
        ("crm.example.com", "http://evil.crm.example.com/", False),
        ("crm.example.com", "http://crm.example.com.evil/", False),
        ("crm.example.com", "http://crmxexample.com/", False),
        ("crm.example.com", "http://crm.example.com@evil/", False),
        ("*.example.com", "https://a.b.example.com/", True),
        ("*.example.com", "https://example.com/", False),
        ("*.example.com:8443", "https://a.example.com:8443/", True),
        ("*.example.com:8443", "https://a.example.com/", False),
        ("127.0.0.1:*", "http://127.0.0.1:8088/ari", True),
        ("[::1]:*", "http://[::1]:8088/ari", True),
        ("*", "http://anything/", True),
        ("*", "http://anything:22/", False),
    ],
)
def test_which_hosts_a_glob_allows(glob: str, url: str, *, allowed: bool) -> None:
    rule = HostRule(["unused.example", glob])
    if allowed:
        rule.check(URL(url))
    else:
        with pytest.raises(CallFailure):
            rule.check(URL(url))


async def test_what_broke_off_may_have_been_carried_out_and_is_not_sent_again(http: Http, server: TestServer) -> None:
    for method in ("POST", "GET", "PUT", "DELETE"):
        dropped.clear()
        with pytest.raises(CallFailure) as failure:
            await http.send(HttpRequest(str(server.make_url("/drop")), method=method))
        assert (failure.value.code, failure.value.outcome) == ("http_failed", "unknown")
        assert dropped == [method]


async def test_no_connection_is_kept_which_the_other_side_may_just_have_closed(http: Http, server: TestServer) -> None:
    answers = [await http.send(HttpRequest(str(server.make_url("/echo")), method="POST")) for _ in range(2)]
    ports = {json.loads(answer.body)["headers"]["Connection"] for answer in answers}
    assert ports == {"close"}


async def test_no_request_takes_longer_than_any_may(
    http: Http, server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aribridge.script.http.LONGEST_SECONDS", 0.2)
    with pytest.raises(CallFailure, match=r"within 0\.2 s"):
        async with asyncio.timeout(30):
            await http.send(HttpRequest(str(server.make_url("/hang")), timeout=3600))


@pytest.mark.parametrize("path", ["/hang", "/around", "/drop", "/large"])
async def test_errors_do_not_repeat_what_may_be_secret_in_an_address(http: Http, server: TestServer, path: str) -> None:
    url = server.make_url(path).with_query(k="s3cr3t").with_user("me").with_password("s3cr3t")
    with pytest.raises(CallFailure) as failure:
        await http.send(HttpRequest(str(url), timeout=0.5))
    assert f"{server.host}:{server.port}" in failure.value.detail
    assert "s3cr3t" not in failure.value.detail


async def test_nor_do_they_where_there_is_no_http_or_no_url() -> None:
    async def mumble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    mumbling = await asyncio.start_server(mumble, "127.0.0.1", 0)
    async with mumbling:
        port = mumbling.sockets[0].getsockname()[1]
        places = [f"http://127.0.0.1:{port}", "http://127.0.0.1:99999", "http://", "ftp://127.0.0.1"]
        http = Http([f"127.0.0.1:{port}"])
        for place in places:
            with pytest.raises(CallFailure) as failure:
                await http.send(HttpRequest(f"{place}/?k=s3cr3t"))
            assert "s3cr3t" not in failure.value.detail
        await http.close()
