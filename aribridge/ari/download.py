"""A file of Asterisk's on its way: read as fast as it is passed on, never held as a whole."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp

from aribridge.ari import unanswered
from aribridge.ari.http import NoAnswer, as_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse

    from aribridge.ari.http import Http
    from aribridge.ari.request import Request
    from aribridge.core.command import Answer

PIECE = 65_536


class Download:
    """An answer whose body is still to come. ``length`` in bytes, None where Asterisk does not say.

    ``refusal`` is Asterisk's answer where there is no file.
    """

    def __init__(self, target: str, request: Request, response: ClientResponse, refusal: Answer | None) -> None:
        self.content_type = response.content_type
        self.length = response.content_length
        self.refusal = refusal
        self._target = target
        self._request = request
        self._response = response

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file from its beginning, some ten thousand bytes at a time. Raises Problem where it breaks off."""
        try:
            async for piece in self._response.content.iter_chunked(PIECE):
                yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _no_answer(self._target, self._request, error) from error


@asynccontextmanager
async def download(target: str, http: Http, request: Request, seconds: float) -> AsyncIterator[Download]:
    """Ask for a file; ``seconds`` bounds each wait for Asterisk. Raises Problem when there is no answer.

    What is not read by the end is not waited for.
    """
    try:
        response = await http.open(request, seconds)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _no_answer(target, request, error) from error
    try:
        refusal = None
        if response.status >= 400:
            refusal = as_answer(response.status, response.content_type, await response.read())
        yield Download(target, request, response, refusal)
    finally:
        response.close()


def _no_answer(target: str, request: Request, error: BaseException) -> Exception:
    return unanswered.no_answer(target, request, NoAnswer(error, sent=True, late=isinstance(error, TimeoutError)))
