"""Where peers get their UDP sockets from: one port for all of them, or a range with a port for each."""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Sequence
from typing import Protocol

from aribridge.protocol.problems import Problem
from aribridge.transport.webrtc.udp import UdpPort


class UdpPorts(Protocol):
    """A source of sockets, one for each bound address."""

    async def open(self) -> None:
        """Bind, or try whether one could. Raises OSError, which names the port and the setting to change."""

    async def close(self) -> None:
        """Give everything back."""

    async def take(self) -> Sequence[UdpPort]:
        """The sockets for one more peer. Raises Problem ``too_many_requests`` if there are none left."""

    async def give(self, ports: Sequence[UdpPort]) -> None:
        """A peer is done with its sockets."""

    def describe(self) -> list[str]:
        """What is bound, for people: address and port."""


class SharedPort:
    """One port for all peers, on each address."""

    def __init__(self, hosts: Sequence[str], port: int) -> None:
        self._hosts = hosts
        self._port = port
        self._bound: list[UdpPort] = []

    async def open(self) -> None:
        """Bind the port on each address."""
        try:
            for host in self._hosts:
                self._bound.append(await _bind(host, self._port))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the sockets."""
        await _close(self._bound)
        self._bound.clear()

    async def take(self) -> Sequence[UdpPort]:
        """The same sockets for every peer."""
        return tuple(self._bound)

    async def give(self, ports: Sequence[UdpPort]) -> None:
        """Keep them: they are everyone's."""

    def describe(self) -> list[str]:
        """Each address with the port."""
        return [_written(port.host, str(port.port)) for port in self._bound]


class PortRange:
    """A port of its own for each peer, the same one on each address."""

    def __init__(self, hosts: Sequence[str], ports: range) -> None:
        self._hosts = hosts
        self._ports = ports

    async def open(self) -> None:
        """Try whether the addresses can be bound, and the range has a free port."""
        await _close(await self._bind_free())

    async def close(self) -> None:
        """Hold nothing: each peer gave its sockets back."""

    async def take(self) -> Sequence[UdpPort]:
        """Sockets on a free port of the range."""
        try:
            return await self._bind_free()
        except OSError as exc:
            raise Problem("too_many_requests", f"No UDP port is free for another peer: {exc}") from exc

    async def give(self, ports: Sequence[UdpPort]) -> None:
        """Close them."""
        await _close(ports)

    def describe(self) -> list[str]:
        """Each address with the range."""
        return [_written(host, f"{self._ports.start}-{self._ports.stop - 1}") for host in self._hosts]

    async def _bind_free(self) -> Sequence[UdpPort]:
        """Any free port, beginning at a random one: a port that was just in use still gets its last peer's packets."""
        start = random.randrange(len(self._ports))  # noqa: S311 - no secret
        for offset in range(len(self._ports)):
            bound = SharedPort(self._hosts, self._ports[(start + offset) % len(self._ports)])
            try:
                await bound.open()
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:
                    raise
            else:
                return await bound.take()
        first, last = self._ports.start, self._ports.stop - 1
        raise OSError(errno.EADDRINUSE, f"All UDP ports of webrtc.udp = {first}-{last} are in use; widen the range.")


async def _bind(host: str, port: int) -> UdpPort:
    try:
        return await UdpPort.bind(host, port)
    except OSError as exc:
        raise OSError(exc.errno, _cause(host, port, exc)) from exc


def _cause(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"UDP port {port} of {host} is in use; choose another for WebRTC with webrtc.udp."
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; name the ones to use for WebRTC in webrtc.bind."
    if exc.errno == errno.EACCES:
        return f"UDP port {port} of {host} may not be used by this user; choose one above 1023 with webrtc.udp."
    return f"UDP port {port} of {host} cannot be bound for WebRTC ({exc.strerror}); see webrtc.udp and webrtc.bind."


async def _close(ports: Sequence[UdpPort]) -> None:
    await asyncio.gather(*(port.close() for port in ports))


def _written(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
