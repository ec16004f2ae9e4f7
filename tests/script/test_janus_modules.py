"""The modules that scripts for Janus require: json, cjson, ansicolors, ltn12, mime, socket, socket.http, socket.url."""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from janus_parts import running, web_server
from script_parts import no_collector

from aribridge.core.settings import ScriptSettings
from aribridge.script import ScriptFailure

CHECKS = {
    "json": r"""
        local json = require "json"
        local d = json.decode('{"a":null,"b":[],"c":{},"d":1.0,"e":3,"f":[null,1],"h":"\\u00e9\\n\\ud83d\\ude00\\/"}')
        assert(d.a == json.util.null and math.type(d.d) == "float" and math.type(d.e) == "integer")
        assert(d.h == "é\n😀/" and #d.f == 2 and d.f[2] == 1)
        assert(json.encode(d.b) == "[]" and json.encode(d.c) == "{}" and json.encode({}) == "{}")
        assert(json.encode({1, nil, 3}) == "[1,null,3]" and json.encode({[1234] = 1}) == '{"1234":1}')
        assert(json.encode(1234567890.0) == "1234567890.0" and json.encode(2) == "2")
        assert(json.encode('"\\\1\127') == '"\\"\\\\\\u0001\\u007f"')
        assert(json.encode(nil) == "null" and json.encode(json.util.null) == "null")
        for _, bad in ipairs { "", "{", "[1,]", '{"a"}', "nul", '"', '"\\x"', "1 2", "{'a':1}", ("["):rep(300),
                               "01", "-01", "1.", "00", "-", "1e", "[1.]" } do
          assert(not pcall(json.decode, bad), bad)
          local value, problem = json.decode(bad, { nothrow = true })
          assert(value == nil and type(problem) == "string")
        end
        -- With n, as table.pack makes it, a table is an array of that many.
        assert(json.encode(table.pack("a", nil, "c")) == '["a",null,"c"]' and json.encode { n = 2 } == '{"n":2}')
        assert(json.encode { n = "x", 1 }:find('"n":"x"', 1, true))
        local simple = json.decode('{"a":null,"b":[1,null,3]}', json.decode.simple)
        assert(simple.a == nil and simple.b[1] == 1 and simple.b[2] == nil and simple.b[3] == 3)
        assert(simple.b.n == 3 and json.encode(simple.b) == "[1,null,3]")
        assert(json.encode(json.decode("[null]", json.decode.simple)) == "[null]")
        assert(json.decode('{"a":null}', json.decode.strict).a == json.util.null)
        assert(json.decode.getDecoder(json.decode.simple)("null") == nil and json.encode.getEncoder()({ 1 }) == "[1]")
        assert(json.util.IsArray(json.decode "[]") and not json.util.IsArray {})
        assert(not pcall(json.encode, print) and not pcall(json.encode, 0/0))
        local loop = {} loop[1] = loop
        assert(not pcall(json.encode, loop))
    """,
    "cjson": r"""
        local cjson, safe = require "cjson", require "cjson.safe"
        local d = cjson.decode('{"a":null,"e":3,"b":[]}')
        assert(d.a == cjson.null and math.type(d.e) == "float")
        assert(cjson.encode(3.0) == "3" and cjson.encode({}) == "{}" and cjson.encode({1, nil, 3}) == "[1,null,3]")
        assert(cjson.encode({[1] = 1, [5] = 2}) == "[1,null,null,null,2]")
        assert(not pcall(cjson.encode, {[1234] = 1}))
        assert(cjson.encode { cjson.null } == "[null]")
        local own = cjson.new()
        assert(own ~= cjson and own.null == cjson.null)
        assert(select("#", own.encode_sparse_array()) == 3 and own.encode_number_precision() == 14)
        own.encode_sparse_array(true)
        assert(own.encode { [1234] = 1 } == '{"1234":1}' and not pcall(cjson.encode, { [1234] = 1 }))
        own.encode_sparse_array(false, 0)
        assert(#own.encode { [30] = 1 } == #"[]" + 29 * #"null," + 1)
        own.encode_number_precision(3)
        assert(own.encode(3.14159) == "3.14" and cjson.encode(3.14159) == "3.14159")
        own.encode_invalid_numbers("null")
        assert(own.encode { 0/0, 1/0 } == "[null,null]" and not pcall(cjson.encode, 0/0))
        own.decode_max_depth(2) own.encode_max_depth(2)
        assert(own.decode("[[1]]") and not pcall(own.decode, "[[[1]]]") and not pcall(own.encode, {{{1}}}))
        for _, name in ipairs { "encode_sparse_array", "encode_invalid_numbers", "encode_number_precision" } do
          assert(not pcall(own[name], "bogus"), name)
        end
        local value, problem = safe.decode("{")
        assert(value == nil and type(problem) == "string" and safe.decode("[1]")[1] == 1)
    """,
    "bit32": r"""
        local bit32 = require "bit32"
        assert(_G.bit32 == bit32 and bit32.band(0xFF, 0x3C, -1) == 0x3C and bit32.band() == 0xFFFFFFFF)
        assert(bit32.bor(1, 2, 8) == 11 and bit32.bxor(5, 1) == 4 and bit32.bnot(0) == 0xFFFFFFFF and bit32.btest(3, 2))
        assert(bit32.lshift(1, 31) == 0x80000000 and bit32.lshift(1, 32) == 0 and bit32.rshift(256, 8) == 1)
        assert(bit32.lshift(256, -8) == 1 and bit32.arshift(0x80000000, 31) == 0xFFFFFFFF and bit32.arshift(8, 2) == 2)
        assert(bit32.arshift(0x80000000, 99) == 0xFFFFFFFF and bit32.arshift(1, -1) == 2)
        assert(bit32.lrotate(0x80000001, 1) == 3 and bit32.rrotate(3, 1) == 0x80000001)
        assert(bit32.extract(0xABCD, 4, 8) == 0xBC and bit32.replace(0xABCD, 0, 4, 8) == 0xA00D)
        assert(not pcall(bit32.extract, 1, 30, 3) and not pcall(bit32.band, "x") and bit32.band(2^32 + 1, 3) == 1)
        assert(math.ldexp(1, 3) == 8 and math.pow(2, 3) == 8)
    """,
    "ansicolors": r"""
        local colors = require "ansicolors"
        assert(colors("%{red}x%{reset}") == "\27[0m\27[31mx\27[0m\27[0m")
        assert(colors.noReset("%{bright blue}x") == "\27[1m\27[34mx" and colors() == "\27[0m\27[0m")
        assert(not pcall(colors, "%{pinkish}"))
    """,
    "ltn12": r"""
        local ltn12 = require "ltn12"
        local text = ("0123456789"):rep(1000)
        local sink, list = ltn12.sink.table()
        assert(ltn12.pump.all(ltn12.source.string(text), sink) == 1 and table.concat(list) == text and #list > 1)
        local upper = function(chunk) return chunk and chunk:upper() end
        local twice = ltn12.filter.chain(upper, function(chunk) return chunk and chunk .. chunk end)
        sink, list = ltn12.sink.table()
        ltn12.pump.all(ltn12.source.table { "a", "b" }, ltn12.sink.chain(twice, sink))
        assert(table.concat(list) == "AABB")
        sink, list = ltn12.sink.table()
        local both = ltn12.source.cat(ltn12.source.string("a"), ltn12.source.string("b"))
        ltn12.pump.all(ltn12.source.chain(both, upper), sink)
        assert(table.concat(list) == "AB")
        local ok, problem = ltn12.pump.all(ltn12.source.string("x"), ltn12.sink.error("full"))
        assert(ok == nil and problem == "full")
        -- An empty chunk says "nothing yet": the filters behind it do not see it.
        local seen = 0
        local later = ltn12.filter.chain(function(c) return c and "" end, function(c) seen = seen + 1 return c end)
        assert(later("a") == "" and later("b") == "" and later(nil) == nil and seen == 1)
        ok, problem = ltn12.pump.all(ltn12.source.file(nil, "no file"), ltn12.sink.null())
        assert(ok == nil and problem == "no file")
    """,
    "mime": r"""
        local mime, ltn12 = require "mime", require "ltn12"
        assert(mime.b64("user:password") == "dXNlcjpwYXNzd29yZA==")
        assert(mime.unb64("dXNlcjpwYXNzd29yZA==") == "user:password")
        local done, rest = mime.b64("abcd", "")
        assert(done == "YWJj" and rest == "d")
        local sink, list = ltn12.sink.table()
        local encode = ltn12.filter.chain(mime.encode("base64"), mime.wrap("base64"))
        ltn12.pump.all(ltn12.source.string(("x"):rep(100)), ltn12.sink.chain(encode, sink))
        local lines = table.concat(list)
        assert(#lines:match("^[^\r]+") == 76 and mime.unb64(lines) == ("x"):rep(100))
        sink, list = ltn12.sink.table()
        ltn12.pump.all(ltn12.source.string(lines), ltn12.sink.chain(mime.decode("base64"), sink))
        assert(table.concat(list) == ("x"):rep(100))
        local function wrapped(text, length)
          local found, lines = ltn12.sink.table()
          ltn12.pump.all(ltn12.source.string(text), ltn12.sink.chain(mime.wrap("text", length), found))
          return table.concat(lines)
        end
        assert(wrapped("abcdefgh", 3) == "abc\r\ndef\r\ngh\r\n" and wrapped("abc", 3) == "abc\r\n")
        assert(wrapped("ab\ncdef\r\n", 4) == "ab\r\ncdef\r\n", wrapped("ab\ncdef\r\n", 4))
        sink, list = ltn12.sink.table()
        ltn12.pump.all(ltn12.source.string("abc"), ltn12.sink.chain(mime.encode("base64"), mime.wrap("base64"), sink))
        assert(table.concat(list) == "YWJj\r\n")
        assert(mime.unb64("QQ==QUJD") == "AABC" and mime.unb64("QUI=\r\nQQ==") == "ABA")
        local function through(filter, ...)
          local found, lines = ltn12.sink.table()
          ltn12.pump.all(ltn12.source.table { ... }, ltn12.sink.chain(filter, found))
          return table.concat(lines)
        end
        -- A line that is broken here is one line after decoding.
        local both = ltn12.filter.chain(mime.encode("quoted-printable"), mime.wrap("quoted-printable"))
        local quoted = through(both, ("é"):rep(50))
        for line in quoted:gmatch("([^\r\n]*)\r\n") do assert(#line <= 76 and line:sub(-1) == "=") end
        assert(quoted:find("=\r\n", 1, true) and not quoted:find("=%x?=\r\n"))
        assert(through(mime.decode("quoted-printable"), quoted) == ("é"):rep(50))
        assert(through(mime.wrap("quoted-printable", 10), "abcdefghijklmnop") == "abcdefghi=\r\njklmnop=\r\n")
        assert(through(mime.wrap(5), "abcdefg") == "abcde\r\nfg\r\n" and not pcall(mime.wrap, "nope"))
        assert(through(mime.encode("quoted-printable", "binary"), "a\r", "\nb") == "a=0D=0Ab")
        assert(through(mime.encode("quoted-printable"), "a\r", "\nb\nc") == "a\r\nb=0Ac")
        assert(through(mime.stuff(), ".a\r", "\n.b\r\n", "c.") == "..a\r\n..b\r\nc.")
        assert(mime.qp("a \r\nb c\r\n") == "a=20\r\nb c\r\n" and mime.qp("a b") == "a b")
        local done, held = mime.qp("a ", "")
        assert(done == "a" and held == " ")
        done, held = mime.unqp("a=4", "")
        assert(done == "a" and held == "=4")
        assert(mime.qp("é=") == "=C3=A9=3D" and mime.unqp("=C3=A9=3D") == "é=")
    """,
    "socket.url": r"""
        local url = require "socket.url"
        local parsed = url.parse("http://me:secret@host:8088/a/b;p?q=1#f")
        assert(parsed.scheme == "http" and parsed.user == "me" and parsed.password == "secret")
        assert(parsed.host == "host" and parsed.authority == "me:secret@host:8088")
        assert(parsed.port == "8088" and parsed.path == "/a/b" and parsed.params == "p" and parsed.query == "q=1")
        assert(url.build(parsed) == "http://me:secret@host:8088/a/b;p?q=1#f")
        assert(url.parse("http://[::1]:80/").host == "::1" and url.parse("http://h").port == nil)
        assert(url.parse("http://[::1]/").port == nil and url.parse("http://h:/").port == nil)
        local path = url.parse_path("/a%20b//c%2Fd/")
        assert(#path == 2 and path[1] == "a b" and path[2] == "c/d")
        assert(path.is_absolute == 1 and path.is_directory == 1)
        assert(url.build_path(path) == "/a%20b/c%2Fd/" and url.build_path(path, true) == "/a b/c/d/")
        assert(url.build_path(url.parse_path("")) == "" and url.build_path(url.parse_path("a!b")) == "a!b")
        for to, expected in pairs {
          ["g:h"] = "g:h", g = "http://a/b/c/g", ["./g/."] = "http://a/b/c/g/", ["/g"] = "http://a/g",
          ["//g"] = "http://g", ["?y"] = "http://a/b/c/d;p?y", ["#s"] = "http://a/b/c/d;p?q#s",
          [";x"] = "http://a/b/c/;x", [""] = "http://a/b/c/d;p?q", ["."] = "http://a/b/c/", [".."] = "http://a/b/",
          ["../../../g"] = "http://a/g", ["/./g"] = "http://a/g", ["g;x=1/../y"] = "http://a/b/c/y",
          ["g?y/../x"] = "http://a/b/c/g?y/../x", ["../g#s/../x"] = "http://a/b/g#s/../x",
        } do
          local got = url.absolute("http://a/b/c/d;p?q", to)
          assert(got == expected, to .. " gave " .. got)
        end
        assert(url.absolute(url.parse("http://u:p@a:8/b"), "c") == "http://u:p@a:8/c")
        assert(url.absolute("http://a", "g") == "http://a/g")
        assert(url.escape("a b/ü") == "a%20b%2f%c3%bc" and url.unescape("a%20b") == "a b")
    """,
    "socket": r"""
        local socket = require "socket"
        local before = socket.gettime()
        socket.sleep(0.05)
        local slept = socket.gettime() - before
        assert(slept > 0.04, slept)
        socket.sleep("0.01")
        assert(socket.skip(1, "a", "b") == "b" and not pcall(socket.sleep, "soon"))
        local fine = socket.protect(function() return socket.try(nil, "why") end)
        local value, why = fine()
        assert(value == nil and why == "why")
        assert(not pcall(socket.tcp))
        assert(require "ssl.https".request == require "socket.http".request)
    """,
}


@pytest.mark.parametrize("name", CHECKS)
async def test_module(tmp_path, asterisks, name):
    async with running(tmp_path, f"function setupMedia()\n{CHECKS[name]}\nend", asterisks) as (script, _):
        await script.call("setupMedia", 7.0)


async def test_the_time_is_that_of_the_clock(tmp_path, asterisks):
    source = "function querySession() return require('socket').gettime() end"
    async with running(tmp_path, source, asterisks) as (script, _):
        before = time.time()
        [now] = await script.call("querySession", 7.0)
        assert before <= now <= time.time()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.lists(JSON, max_size=20))
async def test_json_survives_the_way_through_lua(tmp_path, asterisks, values):
    source = "local json = require 'json' function querySession(t) return json.encode(json.decode(t)) end"
    async with running(tmp_path, source, asterisks) as (script, _):
        [text] = await script.call("querySession", json.dumps(values, ensure_ascii=False))
    # LuaJSON writes floats with 14 digits.
    assert rounded(json.loads(text)) == rounded(values)


def rounded(value):
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return float(f"{value:.14g}") if isinstance(value, float) else value


@given(data=st.binary(max_size=100))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_base64_is_that_of_everybody(tmp_path, asterisks, data):
    source = """
        local mime = require "mime"
        function incomingBinaryData(id, data, n) relayTextData(id, (mime.b64(data) or "") .. ".", 1000) end
        function incomingTextData(id, text, n) relayBinaryData(id, (mime.unb64(text) or "") .. ".", 1000) end
    """
    async with running(tmp_path, source, asterisks) as (script, world):
        encoded = base64.b64encode(data).decode()
        await script.call("incomingBinaryData", 7.0, data, 1.0, "", "")
        await script.call("incomingTextData", 7.0, encoded, 1.0, "", "")
        assert [_bytes(frame) for frame in world.relayed] == [encoded.encode() + b".", data + b"."]


HTTP = """
    local http, ltn12 = require "socket.http", require "ltn12"
    local base
    function init(config) base = config end
    local function told(...) return table.concat({...}, "|") end
    function querySession(what)
      if what == "simple" then
        local body, status, headers, line = http.request(base .. "/x")
        return told(body, status, headers["x-made-by"], line)
      elseif what == "post" then
        return (http.request(base .. "/x", "a=1"))
      elseif what == "missing" then
        return told((select(2, http.request(base .. "/missing"))))
      elseif what == "generic" then
        local list = {}
        local ok, status = http.request {
          url = base .. "/x", method = "PUT", source = ltn12.source.string("\\0\\xff"), sink = ltn12.sink.table(list),
          headers = { ["content-length"] = 2, ["X-One"] = "1" }, user = "me", password = "secret",
        }
        return told(ok, status, table.concat(list))
      elseif what == "elsewhere" or what == "posted" then
        local method = what == "posted" and "POST" or "GET"
        return told((select(2, http.request { url = base .. "/away", redirect = method == "POST", method = method })))
      elseif what == "number" then
        return (http.request(base .. "/x", 5))
      elseif what == "impatient" then
        http.TIMEOUT = "x"
        return http.request(base .. "/x")
      elseif what == "patient" then
        local statuses = {}
        for k, seconds in ipairs { -1, 1 / 0, 1e9, "5" } do
          http.TIMEOUT = seconds
          statuses[k] = select(2, http.request(base .. "/x"))
        end
        return table.concat(statuses, " ")
      elseif what == "binary" then
        local body = http.request(base .. "/binary")
        return #body + body:byte(256)
      elseif what == "held" then
        http.TIMEOUT = 0.1
        return told("", select(2, http.request(base .. "/held")))
      else
        return told("", select(2, http.request(what)))
      end
    end
"""


async def test_http(tmp_path, asterisks):
    async with web_server() as web:
        base = f"http://127.0.0.1:{web.port}"
        async with running(tmp_path, HTTP, asterisks, config=base, http_allow=[f"127.0.0.1:{web.port}"]) as (script, _):

            async def ask(what):
                return (await script.call("querySession", what))[0]

            assert await ask("simple") == "GET /x |200|test|HTTP/1.1 200 OK"
            assert await ask("post") == f"POST /x {b'a=1'.hex()}"
            assert web.asked[-1].headers["content-type"] == "application/x-www-form-urlencoded"
            assert (await ask("missing")).startswith("404")
            assert await ask("generic") == "1|200|PUT /x 00ff"
            headers = web.asked[-1].headers
            assert (headers["x-one"], headers["authorization"]) == ("1", "Basic bWU6c2VjcmV0")
            assert await ask("binary") == 256 + 255
            assert await ask("number") == f"POST /x {b'5'.hex()}"
            assert await ask("patient") == "200 200 200 200"
            with pytest.raises(ScriptFailure, match=r"http\.TIMEOUT is a number of seconds, not x"):
                await ask("impatient")
            assert await ask("held") == "|timeout"


async def test_http_reaches_what_is_allowed_alone(tmp_path, asterisks):
    async with web_server() as web:
        base = f"http://127.0.0.1:{web.port}"
        async with running(tmp_path, HTTP, asterisks, http_allow=[f"127.0.0.1:{web.port}"]) as (script, _):
            for url in ("http://127.0.0.1:1/", "http://localhost/", f"{base}/away", "ftp://127.0.0.1/", "nonsense"):
                [text] = await script.call("querySession", url)
                assert text[0] == "|"
                assert len(text) > 5
        assert [request.path for request in web.asked] == ["/away"]
        async with running(tmp_path, HTTP, asterisks, config=base, http_allow=["127.0.0.1:*"]) as (script, _):
            for what in ("elsewhere", "posted"):
                assert (await script.call("querySession", what))[0].startswith("302")
        async with running(tmp_path, HTTP, asterisks) as (script, _):
            [text] = await script.call("querySession", base)
            assert "http_allow of [[janus.lua]]" in text


async def test_waiting_for_http_is_bounded_by_hook_seconds(tmp_path, asterisks):
    async with web_server() as web:
        base = f"http://127.0.0.1:{web.port}"
        limits = ScriptSettings(hook_seconds=0.1)
        async with running(tmp_path, HTTP, asterisks, http_allow=["127.0.0.1:*"], limits=limits) as (script, _):
            with pytest.raises(ScriptFailure, match="hook_seconds"):
                await script.call("querySession", f"{base}/held")


def _bytes(frame):
    return frame if isinstance(frame, bytes) else frame.encode()


@pytest.mark.parametrize(
    "attack",
    [
        'require("ansicolors").noReset(("%{"):rep(1e6))',
        'require("socket.url").parse("http://" .. ("["):rep(1e6) .. ":1")',
        'require("socket.url").parse(("%"):rep(1e6))',
        'require("json").decode(("["):rep(1e6))',
        'require("json").decode(\'"\' .. ("\\\\\\\\"):rep(1e6))',
        'require("mime").b64(("x"):rep(1e7))',
        'require("mime").unqp(("= "):rep(1e6))',
        'require("mime").normalize()(("\\r"):rep(1e6))',
        'janusLog(4, ("\\27["):rep(1e6))',
        'local ltn12 = require "ltn12" ltn12.pump.all(function() return "x" end, ltn12.sink.null())',
    ],
)
async def test_no_module_can_be_kept_busy(tmp_path, asterisks, attack):
    async with running(tmp_path, f"function setupMedia()\n{attack}\nend", asterisks) as (script, _):
        began = time.process_time()
        with suppress(ScriptFailure), no_collector():
            await script.call("setupMedia", 7.0)
        assert time.process_time() - began < 0.5
