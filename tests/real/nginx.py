"""A real nginx with the configuration that the project brings, on ports and paths of the test's."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from real.machine import family, kill, program
from real.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from real.certificates import Pair

SHIPPED = Path(__file__).parents[2] / "conf" / "nginx" / "aribridge.conf"
_MAIN = """daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;
events {{ worker_connections 512; }}
http {{ access_log off;
client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
include {folder}/aribridge.conf; }}
"""
_DEADLINE = 20.0


@asynccontextmanager
async def serving(folder: Path, gateway_port: int, port: int, pair: Pair) -> AsyncIterator[str]:
    """nginx on 127.0.0.1:`port` before a gateway; the URL with the prefix."""
    write_configuration(folder, gateway_port, port, pair)
    with (folder / "nginx.log").open("wb") as log:
        command = (program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"))
        process = await asyncio.create_subprocess_exec(*command, stderr=log)
    try:
        await until(lambda: _listens(process, port, folder), within=_DEADLINE, what="nginx listens")
        yield f"https://127.0.0.1:{port}/aribridge"
    finally:
        kill(family(process.pid))
        await process.wait()


def write_configuration(folder: Path, gateway_port: int, port: int, pair: Pair) -> None:
    """The shipped file with these ports and this certificate, and what includes it."""
    folder.mkdir()
    text = SHIPPED.read_text()
    for pattern, value in (
        (r"server 127\.0\.0\.1:8188;", f"server 127.0.0.1:{gateway_port};"),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r"(?m)^ *ssl_certificate .*", f"ssl_certificate {pair.certificate};"),
        (r"(?m)^ *ssl_certificate_key .*", f"ssl_certificate_key {pair.key};"),
    ):
        text, changed = re.subn(pattern, value, text)
        assert changed == 1, pattern
    (folder / "aribridge.conf").write_text(text)
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))


async def _listens(process: asyncio.subprocess.Process, port: int, folder: Path) -> bool:
    assert process.returncode is None, (folder / "nginx.log").read_text()
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
