"""Whether the gateway's own ports can be had, and UDP gets through on this machine."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

from aribridge.cli.ports import Protocol, bind_fault, doors, taken, way_out
from aribridge.cli.probes.finding import Finding
from aribridge.config import host_and_port, port_range
from aribridge.core.settings import Settings
from aribridge.transport.webrtc.addresses import bind_addresses

UDP_SECONDS = 1.0
WORD = b"aribridge doctor"


def look_at_listeners(settings: Settings, running: dict[str, Any] | None) -> list[Finding]:
    """The TCP ports of the listeners."""
    return [
        _tcp(key, host, port, running) for key, host, port, protocol in doors(settings) if protocol == "tcp" and port
    ]


async def look_at_udp(settings: Settings, running: dict[str, Any] | None) -> list[Finding]:
    """The UDP ports of WebRTC, on every address."""
    if running is not None:
        held = ", ".join(running["listeners"]["webrtc.udp"])
        return [Finding("ok", "webrtc.udp", f"held by the gateway that runs: {held}")]
    host, default = host_and_port(settings.server.listen)
    first, last = port_range(settings.webrtc.udp) if settings.webrtc.udp else (default, default)
    try:
        addresses = await bind_addresses(settings.webrtc.bind, host)
    except (OSError, ValueError) as error:
        return [Finding("fail", "webrtc.bind", str(error), "Name addresses of this machine: ip address")]
    return [await asyncio.to_thread(_udp_ports, address, first, last) for address in addresses]


def _tcp(key: str, host: str, port: int, running: dict[str, Any] | None) -> Finding:
    if running is not None and any(host_and_port(at) == (host, port) for at in running["listeners"][key]):
        return Finding("ok", key, f"TCP {host}:{port} is held by the gateway that runs")
    fault = bind_fault(host, port, "tcp")
    return Finding("ok", key, f"TCP {host}:{port} is free") if fault is None else _cannot(key, host, port, "tcp", fault)


def _udp_ports(host: str, first: int, last: int) -> Finding:
    """All ports of a range are asked for, and the first that is free is sent something."""
    faults = {port: fault for port in range(first, last + 1) if (fault := bind_fault(host, port, "udp"))}
    free = next((port for port in range(first, last + 1) if port not in faults), None)
    if free is None:
        return _cannot("webrtc.udp", host, first, "udp", faults[first])
    if not comes_back(host, free):
        remedy = "Let UDP through in this machine's firewall: nft list ruleset, iptables -L, ufw status"
        return Finding("fail", "webrtc.udp", f"what is sent to UDP {host}:{free} does not arrive", remedy)
    if faults:
        text = f"{len(faults)} of the UDP ports {first}-{last} of {host} are taken by other programs"
        return Finding("warn", "webrtc.udp", text, "Each peer needs one: choose a range of its own in webrtc.udp.")
    told = f"UDP {host}:{first}" if first == last else f"UDP {host}:{first}-{last}"
    return Finding("ok", "webrtc.udp", f"{told} is free, and packets arrive there from this machine")


def comes_back(host: str, port: int) -> bool:
    """Whether a packet to a port of this machine arrives."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as there, socket.socket(family, socket.SOCK_DGRAM) as here:
        there.settimeout(UDP_SECONDS)
        try:
            there.bind(address)
            here.sendto(WORD, address)
            return there.recv(len(WORD)) == WORD
        except OSError:
            return False


def _cannot(key: str, host: str, port: int, protocol: Protocol, fault: OSError) -> Finding:
    if fault.errno == errno.EADDRINUSE:
        return Finding("fail", key, taken(port, protocol), way_out(key))
    text = f"{protocol.upper()} {host}:{port} cannot be opened: {fault.strerror or fault}"
    return Finding("fail", key, text, f"Give {key} an address of this machine, and a port from 1024 on.")
