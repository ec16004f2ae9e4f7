"""How commands ask the gateway that runs: over the operator's socket in its state folder."""

from __future__ import annotations

import os
import socket as sockets
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aribridge.cli.options import Failure, load_settings, load_state

if TYPE_CHECKING:
    from aribridge.core.settings import Settings

SECONDS = 10.0
"""For an answer."""
PATIENCE = 60.0
"""For an answer that waits for scripts."""


class Answer(NamedTuple):
    """An HTTP status and a JSON object."""

    status: int
    body: dict[str, Any]


def socket_of(config: Path | None, assignments: tuple[str, ...]) -> Path:
    """The socket of the gateway with this configuration, or of the development run of this folder."""
    from aribridge.server.local import SOCKET

    return state_at_work(config, assignments) / SOCKET


def state_at_work(config: Path | None, assignments: tuple[str, ...]) -> Path:
    """The state folder of the gateway with this configuration, or of the development run of this folder."""
    return _of_what_runs(config, load_state(config, assignments))


def settings_at_work(config: Path | None, assignments: tuple[str, ...]) -> Settings:
    """The configuration, with the state folder of the development run of this folder where it is that which runs."""
    settings = load_settings(config, assignments, complete=False)
    settings.state = str(_of_what_runs(config, Path(settings.state)))
    return settings


def _of_what_runs(config: Path | None, state: Path) -> Path:
    from aribridge.cli import dev
    from aribridge.server.local import SOCKET

    if config is None and dev.is_at_work() and not os.path.exists(state / SOCKET):
        return dev.STATE.absolute()
    return state


def is_served(socket: Path) -> bool:
    """Whether a gateway listens at its socket, which one that was killed leaves behind.

    Ends the command where this user may not know.
    """
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(SECONDS)
        try:
            probe.connect(str(socket))
        except TimeoutError:
            return True
        except PermissionError as error:
            raise no_gateway(socket, error) from None
        except OSError:
            return False
    return True


def ask(socket: Path, method: str, path: str, seconds: float = SECONDS, json: Any = None) -> Answer:
    """What the gateway answers; ends the command with what is wrong when it does not."""
    import asyncio

    import aiohttp

    try:
        return asyncio.run(_ask(socket, method, path, seconds, json))
    except aiohttp.ContentTypeError as error:
        raise _not_understood(socket, error.status) from None
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        raise no_gateway(socket, error) from None


def done(socket: Path, path: str, method: str = "GET", seconds: float = SECONDS, json: Any = None) -> dict[str, Any]:
    """The gateway's answer where it is 200; else ends the command with the error that it tells."""
    status, body = ask(socket, method, path, seconds, json)
    if status != HTTPStatus.OK:
        raise Failure(str(body["error"]))
    return body


async def ask_or_none(socket: Path, path: str) -> dict[str, Any] | None:
    """What the gateway answers to a GET; None where none does."""
    import aiohttp

    try:
        answer = await _ask(socket, "GET", path, SECONDS, None)
    except (OSError, aiohttp.ClientError, TimeoutError):
        return None
    return answer.body if answer.status == HTTPStatus.OK else None


def no_gateway(socket: Path, error: Exception) -> Failure:
    """How a command ends when no gateway answers."""
    cause = error.strerror if isinstance(error, OSError) and error.strerror else error
    text = f"The gateway does not answer at {socket}: {cause or 'it took too long'}.\nIs it running, with"
    return Failure(f"{text} this configuration (state in aribridge.toml), and as a user you may act for?")


def _not_understood(socket: Path, status: int) -> Failure:
    """How a command ends that a gateway has no answer to: it runs, so that its socket is not to be looked at."""
    if status != HTTPStatus.NOT_FOUND:
        return Failure(f"The gateway at {socket} failed on this (HTTP {status}); its log may say why.")
    text = f"The gateway at {socket} does not know this request. Is a name empty that you gave? After an upgrade,"
    return Failure(f"{text} does the old one still run? It takes the new version at a restart.")


def stream(socket: Path, path: str, take: Callable[[bytes], object]) -> None:
    """Hand on what the gateway answers as it comes, until it ends; ends the command when the gateway refuses.

    Raises KeyboardInterrupt.
    """
    import asyncio

    import aiohttp

    try:
        refusal = asyncio.run(_stream(socket, path, take))
    except aiohttp.ContentTypeError as error:
        raise _not_understood(socket, error.status) from None
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        raise no_gateway(socket, error) from None
    if refusal:
        raise Failure(refusal)


async def _ask(socket: Path, method: str, path: str, seconds: float, json: Any) -> Answer:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=seconds)
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket)), timeout=timeout) as http,
        http.request(method, f"http://gateway{path}", json=json) as response,
    ):
        return Answer(response.status, await response.json())


async def _stream(socket: Path, path: str, take: Callable[[bytes], object]) -> str:
    """Why the gateway refuses; empty after an answer that has come to its end."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=SECONDS)
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket)), timeout=timeout) as http,
        http.get(f"http://gateway{path}") as response,
    ):
        if response.status != HTTPStatus.OK:
            return str((await response.json())["error"])
        async for part in response.content.iter_any():
            take(part)
    return ""
