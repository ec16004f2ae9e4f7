"""Ports that are taken: found before anything is started, with the name of the program that holds them."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from aribridge.config import host_and_port, port_range
from aribridge.core.settings import Settings

Protocol = Literal["tcp", "udp"]
LISTEN = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h.


def taken_ports(settings: Settings) -> list[str]:
    """What is to be said about each port of the settings that another program holds."""
    return [
        describe(port, protocol, key)
        for key, host, port, protocol in doors(settings)
        # Whatever else is wrong with an address is told when it is opened.
        if port and (fault := bind_fault(host, port, protocol)) is not None and fault.errno == errno.EADDRINUSE
    ]


def describe(port: int, protocol: Protocol, key: str) -> str:
    """Say that a port is taken, by whom, and which key moves it."""
    return f"{taken(port, protocol)}. {way_out(key)}"


def taken(port: int, protocol: Protocol) -> str:
    """Say by whom a port is taken."""
    return f"{protocol.upper()} port {port} is taken by {holder(port, protocol) or 'another program'}"


def way_out(key: str) -> str:
    """Say what to do about a port that is taken."""
    value = "PORT" if key == "webrtc.udp" else "127.0.0.1:PORT"
    return f"Stop that, or choose another one: --set {key}={value}."


def holder(port: int, protocol: Protocol) -> str | None:
    """Name and process id of the program that holds a port, where Linux lets us see it (proc(5))."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port, protocol)}
    for process in Path("/proc").glob("[0-9]*"):
        # Other people's processes do not show their files; any process may end while we look at it.
        with contextlib.suppress(OSError):
            if any(os.readlink(file) in wanted for file in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None


def doors(settings: Settings) -> Iterator[tuple[str, str, int, Protocol]]:
    """Key, host, port and protocol of everything that will be opened; port ranges have a port to spare."""
    host, port = host_and_port(settings.server.listen)
    yield "server.listen", host, port, "tcp"
    yield "server.admin", *host_and_port(settings.server.admin), "tcp"
    if any(asterisk.link == "outbound" for asterisk in settings.asterisk):
        yield "server.asterisk", *host_and_port(settings.server.asterisk), "tcp"
    first, last = port_range(settings.webrtc.udp) if settings.webrtc.udp else (port, port)
    if first == last:
        for address in settings.webrtc.bind or [host]:
            yield "webrtc.udp", address, first, "udp"


def bind_fault(host: str, port: int, protocol: Protocol) -> OSError | None:
    """What keeps a port from being opened; None where nothing does."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind) as probe:
            if protocol == "tcp":
                # As the gateway itself will: connections that linger after a restart do not count.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def _inodes(port: int, protocol: Protocol) -> Iterator[str]:
    """The sockets on a port: the tables of /proc/net have address:port in hex, state and inode."""
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                columns = line.split()
                if int(columns[1].rpartition(":")[2], 16) == port and (protocol == "udp" or columns[3] == LISTEN):
                    yield columns[9]
