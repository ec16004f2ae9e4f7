"""What clients get wrong: each gets a clear answer, and nobody else is harmed."""

import asyncio
import socket
import struct
import time

import aiohttp
import pytest
from real.gateway import target
from real.wsclient import UPGRADE, connect, greeted, hasty


@pytest.fixture(scope="module")
async def bystander(gateway):
    """A client that does everything right, all along; it said no hello, so it need not answer pings between tests."""
    async with connect(gateway.url, bearer=gateway.token()) as client:
        yield client


@pytest.fixture(autouse=True)
async def nobody_is_harmed(bystander):
    yield
    reply = await bystander.request("GET", "/asterisk/info")
    assert reply["status"] == 200


async def test_what_is_no_message_ends_the_connection_with_a_reason(gateway):
    for frame in ("nonsense", "[1]", "17", '{"type":"request","id":true}'):
        async with greeted(gateway.url, gateway.token()) as client:
            await client.send(frame)
            goodbye = await client.goodbye()
            assert (goodbye["slug"], goodbye["reconnect"], goodbye["closed"]) == ("bad_frame", "never", 4004)
            assert goodbye["detail"]


async def test_a_binary_frame_ends_the_connection(gateway):
    async with greeted(gateway.url, gateway.token()) as client:
        await client.socket.send_bytes(b"{}")
        assert "binary" in (await client.goodbye())["detail"]


async def test_a_frame_over_the_limit_ends_the_connection(gateway):
    async with greeted(gateway.url, gateway.token()) as client:
        await client.send({"type": "message", "id": 1, "data": "x" * 65536})
        assert (await client.goodbye())["slug"] == "frame_too_large"


async def test_a_frame_far_over_the_limit_is_not_even_read(gateway):
    async with greeted(gateway.url, gateway.token()) as client:
        await client.send("x" * 1_000_000)
        await client.socket.receive(10)
        assert client.socket.close_code == 1009


@pytest.mark.parametrize(
    ("headers", "status", "named"),
    [
        ({"Sec-WebSocket-Key": "short"}, 400, "Sec-WebSocket-Key"),
        ({"Sec-WebSocket-Version": "12"}, 400, "Sec-WebSocket-Version"),
        ({"Connection": "close"}, 426, "Connection"),
    ],
)
@pytest.mark.parametrize("protocol", ["aribridge.v1", "janus-protocol"])
async def test_what_is_no_websocket_is_refused_with_the_reason(gateway, protocol, headers, status, named):
    right = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "X-Odd": "\u0664\u0662"}
    right |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": protocol}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{gateway.url}/v1/ws", headers=right | headers) as response,
    ):
        refusal = await response.json()
        assert (response.status, refusal["code"]) == (status, "bad_message")
        assert named in refusal["detail"]


async def test_headers_that_are_none_of_its_business_keep_nobody_from_a_websocket(gateway):
    headers = {"X-Odd": "\u0664\u0662"}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{gateway.url}/v1/ws", protocols=["aribridge.v1"], headers=headers) as socket,
    ):
        assert socket.protocol == "aribridge.v1"


async def test_clients_that_leave_before_they_are_answered_are_no_failure(gateway):
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", gateway.port)) as leaving:
            leaving.sendall(UPGRADE)
            # Reset, not closed in order.
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    async with greeted(gateway.url, gateway.token()):
        assert not [line for line in gateway.log if "http.failed" in line]


@pytest.mark.parametrize("door", ["/v1/rtc", "/janus", "/none"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP"])
async def test_a_compressed_body_is_refused_and_stays_as_it_is(gateway, door, encoding):
    """A megabyte may be a gigabyte, which to unpack held up everybody for seconds; and this one is none at all."""
    headers = {"Authorization": f"Bearer {gateway.token()}", "Content-Type": "application/json"}
    headers["Content-Encoding"] = encoding
    async with (
        aiohttp.ClientSession() as http,
        http.post(gateway.url + door, data=b"\xff\xff\xff\xff", headers=headers) as response,
    ):
        refusal = await response.json()
        assert (response.status, refusal["code"]) == (415, "unsupported_media_type")
        assert "Content-Encoding" in refusal["detail"]
    assert not [line for line in gateway.log if "Traceback" in line]


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /v1/rtc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n",
        b"GET / nonsense\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_without_a_traceback(gateway, request_):
    """Else anybody could fill the log."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request_)
    assert (await asyncio.wait_for(reader.readline(), 30)).split()[1] == b"400"
    writer.close()
    assert not [line for line in gateway.log if "Traceback" in line]


@pytest.mark.parametrize(
    ("message", "status", "code", "named"),
    [
        ({"type": "request", "pth": "/channels"}, 400, "bad_message", "pth"),
        ({"type": "reqest"}, 400, "unknown_type", "request"),
        ({"type": "request"}, 400, "bad_message", "method"),
        ({"type": "request", "method": "GET", "path": "/channels", "op": "channels.list"}, 400, "bad_message", "both"),
        ({"type": "request", "method": "GET", "path": "/chanels"}, 404, "unknown_operation", "channels"),
        ({"type": "request", "method": "PATCH", "path": "/channels"}, 404, "unknown_operation", ""),
        ({"type": "request", "op": "channels.orginate"}, 404, "unknown_operation", "channels.originate"),
        ({"type": "request", "op": "channels.originate"}, 400, "missing_parameter", "endpoint"),
        ({"type": "request", "op": "channels.list", "params": {"endpont": 1}}, 400, "bad_parameter", "endpont"),
        (
            {
                "type": "request",
                "op": "channels.originate",
                "params": {"endpoint": "Local/600@default", "timeout": "x"},
            },
            400,
            "bad_parameter",
            "timeout",
        ),
        ({"type": "request", "op": "channels.list", "target": "pbx2"}, 404, "unknown_target", "pbx"),
        ({"type": "request", "op": "channels.list", "key": ""}, 400, "bad_message", "key"),
        ({"type": "request", "op": "channels.list", "timeout_ms": 10**400}, 400, "bad_message", "timeout_ms"),
        ({"type": "request", "op": "channels.list", "own": {}}, 400, "bad_parameter", "own"),
        ({"type": "request", "op": "bridges.create", "own": {"on_loss": "explode"}}, 400, "bad_message", "on_loss"),
        ({"type": "request", "op": "events.eventWebsocket"}, 501, "use_subscribe", "subscribe"),
        ({"type": "subscribe", "sub": 1, "mode": "state", "filter": {"type": ["x"]}}, 400, "bad_filter", "type"),
        ({"type": "subscribe", "sub": 1, "snapshot": "sometimes"}, 400, "bad_message", "snapshot"),
        ({"type": "subscribe", "sub": 1, "filter": {"chanel": ["x"]}}, 400, "bad_filter", "channel"),
        ({"type": "unsubscribe", "sub": 99}, 404, "unknown_subscription", "99"),
        ({"type": "message", "data": {}}, None, None, None),
        ({"type": "hello"}, 400, "bad_message", "hello"),
        ({"type": "auth", "token": "nonsense"}, 401, "unauthorized", ""),
    ],
)
async def test_a_wrong_message_is_answered(gateway, message, status, code, named):
    async with greeted(gateway.url, gateway.token()) as client:
        reply = await client.ask(**message)
        if code is None:
            assert status in {None, reply["status"]}
            return
        error = reply["error"]
        assert (reply["status"], error["code"], error["outcome"]) == (status, code, "not_applied")
        assert named in error["detail"]
        assert error["type"] == f"/problems/{code}"


@pytest.mark.parametrize(
    "path",
    [
        "/channels/../asterisk/info",
        "/channels/%2e%2e/asterisk/info",
        "/channels//x",
        "//channels",
        "/channels?api_key=a:b",
        "/channels#x",
        "/channels/a\r\nX-Injected: 1",
        "/channels/%0d%0a",
        "/channels/",
        "/channels/%00",
    ],
)
async def test_a_path_that_is_none_of_aris_reaches_nobody(gateway, path):
    async with greeted(gateway.url, gateway.token()) as client:
        reply = await client.request("GET", path)
        assert reply["status"] in {400, 404}
        assert reply["error"]["source"] == "gateway"


async def test_an_api_key_is_refused_and_not_logged(gateway):
    async with greeted(gateway.url, gateway.token()) as client:
        reply = await client.request("GET", "/channels", query={"api_key": "admin:planted-secret"})
        assert (reply["status"], reply["error"]["code"]) == (400, "bad_parameter")
        assert "planted-secret" not in reply["error"]["detail"]
        rest = {
            "type": "RESTRequest",
            "request_id": "r",
            "method": "GET",
            "uri": "channels?api_key=admin:planted-secret",
        }
        await client.send(rest)
        answer = await client.until(lambda seen: seen["type"] == "RESTResponse")
        assert (answer["status_code"], answer["request_id"], answer["uri"]) == (200, "r", "channels")
    assert "planted-secret" not in "\n".join(gateway.log)


@pytest.mark.parametrize(
    ("uri", "body"),
    [("//[a/channels", ""), ("channels?" + "&".join("x" * 300), ""), ("channels", "&".join("x" * 300))],
    ids=["no uri", "many parameters", "many fields"],
)
async def test_a_rest_request_that_cannot_be_read_is_refused(gateway, uri, body):
    async with greeted(gateway.url, gateway.token()) as client:
        form = {"content_type": "application/x-www-form-urlencoded", "message_body": body}
        await client.send({"type": "RESTRequest", "request_id": "r", "method": "GET", "uri": uri, **form})
        answer = await client.until(lambda seen: seen["type"] == "RESTResponse")
        assert (answer["status_code"], answer["request_id"]) == (400, "r")
        assert "RESTRequest" in answer["message_body"]


async def test_a_duplicate_id_in_flight_is_409(gateway):
    async with greeted(gateway.url, gateway.token(), features=["batch"]) as client:
        one = {"type": "request", "id": 5, "op": "asterisk.getInfo"}
        await client.send([one, one])
        first = await client.receive()
        second = await client.receive()
        codes = {message.get("error", {}).get("code") for message in (first, second)}
        assert codes == {None, "duplicate_id"}


async def test_a_hello_that_never_comes(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22), limits={"hello_seconds": 0.3})
    async with connect(gateway.url) as silent:
        async with hasty(gateway.port, {"type": "request", "id": 1, "op": "channels.list"}) as early:
            await early.readuntil(b'"hello_required"')
            await early.readuntil(b'"hello_timeout"')
        assert (await silent.goodbye())["slug"] == "hello_timeout"


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", None])
async def test_a_token_that_is_none_lets_nobody_in(gateway, token):
    async with connect(gateway.url) as client:
        reply = await client.ask(type="hello", token=token)
        assert (reply["status"], reply["error"]["code"]) == (401, "unauthorized")


async def test_expired_and_foreign_tokens_let_nobody_in(gateway, gateways, asterisk22):
    other = await gateways.start(target(asterisk22))
    for token in (gateway.token(minutes=-5), other.token()):
        async with connect(gateway.url) as client:
            reply = await client.ask(type="hello", token=token)
            assert reply["error"]["code"] == "unauthorized"
            assert (await client.goodbye())["reconnect"] == "reauth"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            async with connect(gateway.url, bearer=token):
                pass
        async with aiohttp.ClientSession() as http:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
            async with http.post(f"{gateway.url}/v1/rtc", headers=headers, data="v=0") as response:
                assert response.status == 401


async def test_no_token_no_door(gateway):
    async with aiohttp.ClientSession() as http:
        for method, path in (("POST", "/v1/rtc"), ("DELETE", "/v1/rtc/x"), ("GET", "/v1/catalogue/pbx")):
            async with http.request(method, gateway.url + path) as response:
                assert response.status == 401, path
                assert "Bearer" in response.headers["WWW-Authenticate"]


async def test_a_token_without_ops_allows_nothing(gateway):
    async with greeted(gateway.url, gateway.token(ops=None)) as client:
        reply = await client.request("GET", "/channels")
        assert (reply["status"], reply["error"]["code"]) == (403, "forbidden")
        assert "channels.list" in reply["error"]["detail"]
        assert (await client.ask(type="subscribe", sub=1))["error"]["code"] == "forbidden"


async def test_a_token_that_expires_ends_the_connection_unless_renewed(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22), auth={"leeway": 0.0}, limits={"expiry_seconds": 0.1})
    async with greeted(gateway.url, gateway.token(exp=time.time() + 60)) as client:
        foreign = await client.ask(type="auth", token=gateway.token(sub="bob"))
        assert foreign["error"]["code"] == "unauthorized"
        assert (await client.ask(type="auth", token=gateway.token()))["body"]["expires_in"] > 500
        # JWT libraries look at whole seconds: this is good for more than three.
        assert (await client.ask(type="auth", token=gateway.token(exp=int(time.time()) + 4)))["status"] == 200
        assert (await client.goodbye())["slug"] == "token_expired"


async def test_a_page_of_a_foreign_origin_is_refused_and_the_log_says_what_to_add(gateway):
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        async with connect(gateway.url, origin="https://evil.example"):
            pass
    headers = {"Origin": "https://evil.example"}
    async with aiohttp.ClientSession(headers=headers) as http, http.get(f"{gateway.url}/janus/info") as response:
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers
    assert any("https://evil.example" in line and "server.origins" in line for line in gateway.log)


async def test_sdp_garbage_and_wrong_types_are_refused(gateway):
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {gateway.token()}"}) as http:
        for content_type, body, status in (
            ("application/sdp", "garbage", 400),
            ("application/sdp", "", 400),
            ("application/sdp", "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", 400),
            ("application/json", "{", 400),
            ("application/json", "{}", 400),
            ("text/plain", "v=0", 415),
            ("application/sdp", "x" * 100_000, 413),
        ):
            headers = {"Content-Type": content_type}
            async with http.post(f"{gateway.url}/v1/rtc", data=body, headers=headers) as response:
                assert response.status == status, (content_type, body[:20], await response.text())
                assert (await response.json(content_type=None))["detail"]


async def test_addresses_that_do_not_exist(gateway):
    async with aiohttp.ClientSession() as http:
        for method, path, status in (("GET", "/nowhere", 404), ("PUT", "/v1/rtc", 405), ("GET", "/v1/ws", 426)):
            async with http.request(method, gateway.url + path) as response:
                assert response.status == status
                assert "Strict-Transport-Security" not in response.headers
                assert (await response.json(content_type=None))["detail"]
        async with http.get(f"{gateway.url}/problems/forbidden") as response:
            assert "How to mend it" in await response.text()


async def test_more_in_flight_than_the_limit_is_429(gateways, asterisk22):
    gateway = await gateways.start(target(asterisk22), limits={"inflight": 2})
    async with greeted(gateway.url, gateway.token(), features=["batch"]) as client:
        await client.send([{"type": "request", "id": n, "op": "asterisk.getInfo"} for n in range(3)])
        async with asyncio.timeout(10):
            replies = [await client.receive() for _ in range(3)]
        codes = sorted(str(reply.get("error", {}).get("code")) for reply in replies)
        assert codes == ["None", "None", "too_many_requests"]


@pytest.mark.parametrize("origin", ["http://[", "http://a]b", "http://\N{ACCOUNT OF}"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_an_origin_that_is_none_is_refused(gateway, origin, method):
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    url = f"{gateway.url}/v1/state"
    async with aiohttp.ClientSession() as http, http.request(method, url, headers=headers) as told:
        assert (told.status, (await told.json())["code"]) == (403, "origin_not_allowed")
        assert "Access-Control-Allow-Origin" not in told.headers
    assert not [line for line in gateway.log if "Traceback" in line]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"offer": {"type": "offer", "sdp": "v=0"}}, "offer"),
        ({"sdp": "v=0"}, "type"),
        ({"type": "answer", "sdp": "v=0"}, "answer"),
        ({"type": "offer", "sdp": None}, "sdp"),
        ({"type": "offer"}, "sdp"),
        (["v=0"], "object"),
    ],
)
async def test_json_that_is_no_offer_is_refused_by_what_is_wrong_with_it(gateway, body, named):
    headers = {"Authorization": f"Bearer {gateway.token()}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{gateway.url}/v1/rtc", json=body) as response,
    ):
        problem = await response.json()
    assert (response.status, problem["code"]) == (400, "bad_message")
    assert '{"type":"offer","sdp":"v=0…"}' in problem["detail"]
    assert named in problem["detail"].partition("}: ")[2]


NESTED = b'{"a":' * 5000 + b"1" + b"}" * 5000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/call", b'{"op":"channels.list","params":%s}' % NESTED),
        ("/v1/explain", b'{"principal":{"sub":"a"},"op":"channels.list","params":%s}' % NESTED),
        ("/v1/revoke", b'{"seconds":1,"sub":%s}' % NESTED),
    ],
)
async def test_what_the_operator_sends_is_nested_no_deeper_than_a_message(gateway, path, body):
    connector = aiohttp.UnixConnector(str(gateway.state / "admin.sock"))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post(f"http://gateway{path}", data=body) as response,
    ):
        assert response.status == 400
        assert "is nested deeper than" in (await response.json())["error"]
    assert not [line for line in gateway.log if "Traceback" in line]
