"""Addresses as they are written in the configuration."""

from __future__ import annotations

import ipaddress
import re

HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?")


def host_and_port(text: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[IPv6]:port``; port 0 means any free one. Raises ValueError that says what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError("host and port are both needed")
    if not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise ValueError("the port is not a number from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if ":" in host:
        raise ValueError("an IPv6 address is written in brackets")
    if not HOST_NAME.fullmatch(host):
        raise ValueError("the host is neither an address nor a name")
    return host, int(port)


def port_range(text: str) -> tuple[int, int]:
    """Split ``port`` or ``first-last`` into the first and the last port. Raises ValueError."""
    first, dash, last = text.partition("-")
    if not (first.isascii() and first.isdecimal()) or (dash and not (last.isascii() and last.isdecimal())):
        raise ValueError("neither a port nor a range of ports")
    ports = int(first), int(last or first)
    if not 0 <= ports[0] <= ports[1] <= 65535:
        raise ValueError("ports go from 0 to 65535, the first of a range is not above the last")
    return ports


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
