"""The UDP port that all peers share: datagrams of strangers, and of who knows a peer's password.

Nothing is sent from here: what would go out is counted instead. Checks of a peer could go to any address.
"""

from __future__ import annotations

from struct import pack
from typing import Any

from aioice import stun
from fuzz.scenes import play

from aribridge.transport.webrtc.ice import IceAgent, host_candidate
from aribridge.transport.webrtc.sdp import MAX_CANDIDATES
from aribridge.transport.webrtc.udp import UdpPort

LONGEST = 4096
SECONDS = 0.5
PASSWORD = "p" * 32


class CountingTransport:
    """A socket that sends nothing."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return "127.0.0.1", 8188

    def sendto(self, data: bytes, _: Any) -> None:
        self.sent.append(data)


def try_one(data: bytes) -> None:
    play(_scene(data))


async def _scene(data: bytes) -> None:
    port, agent, transport = _peer()
    await agent.gather_candidates()
    for kind, source, payload in _datagrams(data):
        before = len(transport.sent)
        datagram = _signed(payload, agent) if kind == 1 else payload
        port.datagram_received(datagram, (f"192.0.2.{source}", 4000 + source))
        answers = transport.sent[before:]
        assert len(answers) <= 1, "one datagram gets more than one answer"
        assert sum(map(len, answers)) <= len(datagram) + 120, "a small datagram gets a large answer"
    assert len(agent._remote_candidates) <= MAX_CANDIDATES
    assert not port._by_address, "an address was believed that has answered no check"
    assert port.peers == 1
    await agent.close()
    assert port.peers == 0
    assert not port._by_transaction


def _peer() -> tuple[UdpPort, IceAgent, CountingTransport]:
    port, transport = UdpPort(), CountingTransport()
    port.connection_made(transport)  # type: ignore[arg-type]
    agent = IceAgent([port], controlling=False, public=[], servers={}, consent_seconds=10)
    agent._local_username, agent._local_password = "uuuu", PASSWORD
    agent.remote_username, agent.remote_password = "rrrr", "q" * 32
    assert host_candidate("127.0.0.1", 8188).port == 8188
    return port, agent, transport


def _datagrams(data: bytes) -> list[tuple[int, int, bytes]]:
    """Each with a byte for its kind (1: a request signed with the right password), its source, and its length."""
    found, at = [], 0
    while at + 3 <= len(data) and len(found) < 64:
        kind, source, length = data[at] % 2, data[at + 1], data[at + 2]
        found.append((kind, source, data[at + 3 : at + 3 + length]))
        at += 3 + length
    return found


def _signed(attributes: bytes, agent: IceAgent) -> bytes:
    """A binding request with these attributes, the right user name before and the right signature after them."""
    username = f"{agent.local_username}:rrrr".encode()
    padded = username + bytes(stun.padding_length(len(username)))
    body = pack("!HH", 0x0006, len(username)) + padded + attributes + bytes(-len(attributes) % 4)
    head = pack("!HHI12s", 0x0001, len(body), stun.COOKIE, b"t" * 12)
    integrity = stun.message_integrity(head + body, PASSWORD.encode())
    body += pack("!HH", 0x0008, len(integrity)) + integrity
    return stun.set_body_length(head, len(body)) + body
