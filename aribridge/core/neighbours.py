"""Whose address an address is, where something is counted by it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

_OF_ONE_SITE = 64
"""Leading bits of an IPv6 address that its holder was given; the rest are theirs to choose (RFC 6177, RFC 4291)."""


@lru_cache(maxsize=4096)
def neighbourhood(address: str) -> str:
    """An IPv4 address as it is, of an IPv6 address its network; what is neither as it is."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> _OF_ONE_SITE << _OF_ONE_SITE)}/{_OF_ONE_SITE}"
