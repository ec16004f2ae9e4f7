"""HTTP for scripts (``bridge.http``): to hosts that the administrator allowed, within bounds of time and size."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from yarl import URL

from aribridge.protocol.problems import Outcome
from aribridge.script.calls import Operation
from aribridge.script.deeds import deed
from aribridge.script.errors import CallFailure
from aribridge.trust import machines_trust

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

LARGEST_BODY = 1 << 20
LONGEST_SECONDS = 60.0
_CONNECTIONS = 100
_REDIRECTS = 5
_DEFAULT_PORTS = (80, 443)


class HostRule:
    """Which hosts scripts may reach: globs such as ``crm.example.com``, ``*.example.com:8443``, ``127.0.0.1:*``.

    Without a port, 80 and 443 are meant.
    """

    def __init__(self, globs: Sequence[str]) -> None:
        patterns = [pattern for glob in globs for pattern in _with_ports(glob)]
        self._pattern = re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)

    def check(self, url: URL, outcome: Outcome = "not_applied") -> None:
        """Raises CallFailure ``forbidden``, with that outcome, for a URL outside of the rule."""
        place = f"{url.host_subcomponent}:{url.port}"
        if not self._pattern.fullmatch(place):
            text = f"scripts may not reach {place}: name its host in scripts.http_allow"
            raise CallFailure("forbidden", text, outcome=outcome)


def _with_ports(glob: str) -> list[str]:
    text = re.escape(glob).replace(r"\*", ".*")
    if re.search(r":(\d+|\*)$", glob):
        return [text]
    return [f"{text}:{port}" for port in _DEFAULT_PORTS]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request of a script's; ``timeout`` in seconds bounds it from the first step to the last byte of the answer.

    Without ``redirect``, an answer that leads elsewhere is the answer.
    """

    url: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    timeout: float = 10.0
    redirect: bool = True


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer of any status; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Http:
    """A session of the scripts' own: no cookies, no proxy from the environment, certificates checked."""

    def __init__(self, allow: Sequence[str]) -> None:
        self._rule = HostRule(allow)
        self._session: aiohttp.ClientSession | None = None
        self.operations: dict[str, Operation] = {"http": self._http}

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send a request and read the whole answer. Raises CallFailure.

        ``forbidden`` for a host outside of the rule, redirects included; ``bad_parameter``; ``timeout``;
        ``reply_too_large``; ``http_failed`` for everything that keeps an answer away.
        """
        hops = _Hops(self._rule)
        try:
            async with asyncio.timeout(min(request.timeout, LONGEST_SECONDS)):
                return await self._exchange(request, hops)
        except TimeoutError:
            text = f"no answer from {_origin(request)} within {min(request.timeout, LONGEST_SECONDS):g} s"
            raise CallFailure("timeout", text, outcome="unknown") from None
        except aiohttp.TooManyRedirects:
            raise CallFailure(
                "http_failed", f"{_origin(request)} redirects again and again", outcome="unknown"
            ) from None
        except aiohttp.RedirectClientError:
            text = f"{_origin(request)} redirects to what is no http or https URL"
            raise CallFailure("http_failed", text, outcome="unknown") from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise _not_right("the url is no http or https URL") from None
        except aiohttp.ClientError as error:
            outcome = hops.outcome if isinstance(error, aiohttp.ClientConnectorError) else "unknown"
            text = f"no answer from {_origin(request)}: {_reason(error)}"
            raise CallFailure("http_failed", text, outcome=outcome) from None
        except ValueError as error:
            raise _not_right(str(error)) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _http(self, fields: Any) -> dict[str, Any]:
        with deed():
            answer = await self.send(_read(fields))
        told = {"status": answer.status, "headers": answer.headers, "body": _text(answer.body)}
        if "json" in answer.headers.get("content-type", ""):
            with suppress(msgspec.DecodeError, RecursionError):
                told["json"] = msgspec.json.decode(answer.body)
        return told

    async def _exchange(self, request: HttpRequest, hops: _Hops) -> HttpAnswer:
        headers, body = _content(request)
        async with self._open().request(
            request.method,
            request.url,
            headers=headers,
            data=body,
            allow_redirects=request.redirect,
            max_redirects=_REDIRECTS,
            middlewares=(hops,),
        ) as response:
            content = await response.content.read(LARGEST_BODY + 1)
            while len(content) <= LARGEST_BODY and (more := await response.content.read(LARGEST_BODY)):
                content += more
            if len(content) > LARGEST_BODY:
                text = f"the answer of {_origin(request)} is larger than {LARGEST_BODY >> 20} MiB"
                raise CallFailure("reply_too_large", text, outcome="applied")
            return HttpAnswer(response.status, _headers(response), content)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Of one that is kept and that the other side has just closed, nobody knows what came through.
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, force_close=True, ssl=machines_trust()),
                timeout=aiohttp.ClientTimeout(total=LONGEST_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "aribridge"},
            )
        return self._session


class _Hops:
    """One request on its way: aiohttp comes through here with each redirect, too."""

    def __init__(self, rule: HostRule) -> None:
        self.outcome: Outcome = "not_applied"
        """What is known where the next step does not come about: one that was answered may have done something."""
        self._rule = rule

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        self._rule.check(request.url, self.outcome)
        try:
            response = await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            # aiohttp would send GET, PUT and DELETE once more, which may have been carried out.
            raise aiohttp.ClientConnectionError(str(error)) from error
        self.outcome = "unknown"
        return response


def _not_right(why: str) -> CallFailure:
    return CallFailure("bad_parameter", f"bridge.http: the request is not right: {why}")


def _reason(error: aiohttp.ClientError) -> str:
    """What it says, without the URL that some have in their text."""
    return error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)


def _read(fields: Any) -> HttpRequest:
    try:
        request = msgspec.convert(fields, HttpRequest)
    except msgspec.ValidationError as error:
        text = f"bridge.http takes {{url = ..., method, headers, body, timeout}}: {error}"
        raise CallFailure("bad_parameter", text) from None
    if not request.timeout > 0:
        raise CallFailure("bad_parameter", "bridge.http: the timeout is a number of seconds")
    return request


def _content(request: HttpRequest) -> tuple[dict[str, str], bytes | None]:
    """Headers and body as they are sent: text as it is, any other value as JSON."""
    if request.body is None:
        return request.headers, None
    if isinstance(request.body, bytes):
        return request.headers, request.body
    if isinstance(request.body, str):
        return request.headers, request.body.encode()
    return {"Content-Type": "application/json", **request.headers}, msgspec.json.encode(request.body)


def _headers(response: ClientResponse) -> dict[str, str]:
    names = {name.lower() for name in response.headers}
    return {name: ", ".join(response.headers.getall(name)) for name in sorted(names)}


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _origin(request: HttpRequest) -> str:
    url = URL(request.url)
    return f"{url.host_subcomponent}:{url.port}"  # nothing of the rest: it may hold a key
