"""The operator's socket: a file in the state folder that only its owner may open."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path

import structlog
from aiohttp import web

from aribridge.server.http import runner

log = structlog.get_logger("aribridge.server")

SOCKET = "admin.sock"
_BACKLOG = 16
_LONGEST = 107
"""Bytes of a socket's path (unix(7): sun_path has 108, with a zero at the end)."""


class LocalListener:
    """Serves an application on ``admin.sock``. Without it the gateway does all but what goes through it."""

    def __init__(self, folder: Path, app: web.Application) -> None:
        self._path = folder / SOCKET
        self._runner = runner(app)
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen; what keeps it from that is logged."""
        await self._runner.setup()
        try:
            await self._listen()
        except OSError as error:
            remedy = "state in aribridge.toml names the folder; `aribridge trace` works once the socket can be made"
            log.warning("admin.no_socket", path=str(self._path), error=error.strerror or str(error), remedy=remedy)

    async def stop(self) -> None:
        """Listen no more, and remove the file."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with suppress(OSError):
                self._path.unlink()
        await self._runner.cleanup()

    async def _listen(self) -> None:
        path = str(self._path)
        if len(os.fsencode(path)) > _LONGEST:
            raise OSError(
                f"the path is longer than the {_LONGEST} bytes that a socket's may have; use a shorter folder"
            )
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_stale(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(path)
            self._path.chmod(0o600)  # before it listens, so that nobody else ever gets in
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            server = self._runner.server
            assert server is not None  # setup has made it
            self._server = await asyncio.get_running_loop().create_unix_server(server, sock=listener)
        except BaseException:
            listener.close()
            raise


def _remove_stale(path: str) -> None:
    """Remove the file that a gateway left which did not end well. Raises OSError if one still listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            Path(path).unlink()
            return
        except BlockingIOError:
            pass
    raise OSError("another gateway that runs uses this folder; give each its own")
