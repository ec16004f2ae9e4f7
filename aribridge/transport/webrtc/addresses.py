"""Which UDP addresses and ports the settings mean."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence

from aioice.ice import get_host_addresses

RESOLVE_SECONDS = 5.0


def udp_ports(udp: str, default_port: int) -> range:
    """Read ``webrtc.udp``: "" (the port of server.listen), "8188" or "20000-20100". Raises ValueError."""
    match = re.fullmatch(r"\s*([0-9]{1,5})\s*(?:-\s*([0-9]{1,5})\s*)?", udp or str(default_port))
    if match is None:
        raise ValueError(f"webrtc.udp = {udp!r} is neither a port such as 8188 nor a range such as 20000-20100.")
    first = int(match[1])
    last = int(match[2] or first)
    if last > 65535 or first > last or (match[2] and first == 0):
        raise ValueError(f"webrtc.udp = {udp!r} is not a range of ports: first-last, each from 1 to 65535.")
    return range(first, last + 1)


async def bind_addresses(bind: Sequence[str], default_host: str) -> list[str]:
    """The IP addresses to bind: ``webrtc.bind``, else the host of ``server.listen``; a wildcard means all of them.

    Raises ValueError if an entry is no IP address, OSError if the host has none.
    """
    if bind:
        found = [_checked("webrtc.bind", address) for address in bind]
    else:
        found = await _resolve(default_host)
    return list(dict.fromkeys(address for entry in found for address in _expand(entry)))


def public_addresses(public: Sequence[str]) -> list[str]:
    """The checked ``webrtc.public``. Raises ValueError if an entry is no IP address."""
    return [_checked("webrtc.public", address) for address in public]


def _checked(key: str, address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise ValueError(f"{key} holds {address!r}, which is not an IP address.") from None


async def _resolve(host: str) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host or "0.0.0.0", None, type=socket.SOCK_DGRAM)  # noqa: S104
    except (OSError, TimeoutError) as exc:
        raise OSError(f"{host!r} of server.listen has no address to bind for WebRTC; set webrtc.bind.") from exc
    return [str(address[0]) for *_, address in found]


def _expand(address: str) -> list[str]:
    """A wildcard as the addresses that it stands for, since a candidate has to name one."""
    parsed = ipaddress.ip_address(address)
    if not parsed.is_unspecified:
        return [address]
    every = get_host_addresses(use_ipv4=True, use_ipv6=parsed.version == 6)
    return every or ["127.0.0.1"]
