"""Writes the configuration of a private Asterisk from the templates of `conf/asterisk/`."""

from __future__ import annotations

import re
import secrets
import socket
from dataclasses import dataclass, field
from string import Template
from typing import TYPE_CHECKING

from aribridge.asterisk.snippets import outbound_section, websocket_client
from aribridge.config.shipped import shipped

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from aribridge.asterisk.installation import Installation

HOST = "127.0.0.1"
# Below Linux's ephemeral ports: no outgoing connection takes one between choosing it and Asterisk's bind.
PORTS = range(20000, 32000)
RTP_PORTS = 400
PHONES = ("200", "201")
FOLDERS = ("etc", "lib/keys", "spool/recording", "cache", "run", "log")
# Asterisk complains when these are missing, and has good defaults when they are empty.
EMPTY = (
    "acl.conf",
    "ccss.conf",
    "cel.conf",
    "chan_websocket.conf",
    "features.conf",
    "manager.conf",
    "pjproject.conf",
    "stasis.conf",
    "udptl.conf",
    "websocket_client.conf",
)


class ConfTemplate(Template):
    """`@@{name}` is filled in; Asterisk's own `${name}` and `600@default` stay."""

    delimiter = "@@"


def free_port(kind: socket.SocketKind) -> int:
    """A port of 127.0.0.1 that is free for TCP (`SOCK_STREAM`) or UDP (`SOCK_DGRAM`)."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def random_entity() -> str:
    """An Asterisk entity id: a locally administered, unicast MAC address."""
    return ":".join(f"{byte:02x}" for byte in (2, *secrets.token_bytes(5)))


@dataclass(frozen=True, slots=True)
class Settings:
    """What distinguishes one private Asterisk from another; ports are of 127.0.0.1, passwords random."""

    app: str = "aribridge"
    user: str = "aribridge"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    http_port: int = field(default_factory=lambda: free_port(socket.SOCK_STREAM))
    sip_port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    # Asterisk tries one port after the other in this range, so that another's ports within it do no harm.
    rtp_start: int = field(default_factory=lambda: secrets.choice(PORTS[:-RTP_PORTS:2]))
    phones: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_urlsafe(12) for name in PHONES}, repr=False
    )
    entity: str = field(default_factory=random_entity)
    # The URI of a gateway that it is to dial, such as ws://127.0.0.1:8190/v1/asterisk/pbx; empty: it dials nobody.
    gateway: str = ""

    @property
    def rtp_end(self) -> int:
        """The last of the RTP ports."""
        return self.rtp_start + RTP_PORTS - 1

    def values(self) -> dict[str, str | int]:
        """The templates' variables that come from here."""
        return {
            "app": self.app,
            "user": self.user,
            "password": self.password,
            "http_port": self.http_port,
            "sip_port": self.sip_port,
            "rtp_start": self.rtp_start,
            "rtp_end": self.rtp_end,
            "entity": self.entity,
            **{f"password_{name}": password for name, password in self.phones.items()},
        }


def write(folder: Path, installation: Installation, settings: Settings) -> None:
    """Fill `folder` with configuration and state folders, readable by its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in FOLDERS:
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in EMPTY:
        (folder / "etc" / name).write_text("")
    values = settings.values() | {"folder": folder, "modules": installation.modules, "data": installation.data}
    present = {path.name for path in installation.modules.glob("*.so")}
    for template in templates().iterdir():
        text = ConfTemplate(template.read_text()).substitute(values)
        (folder / "etc" / template.name).write_text(without_missing(text, present))
    if settings.gateway:
        _write_outbound(folder / "etc", settings)


def _write_outbound(etc: Path, settings: Settings) -> None:
    with (etc / "ari.conf").open("a") as ari:
        ari.write(outbound_section(settings.gateway, settings.app, settings.user))
    (etc / "websocket_client.conf").write_text(websocket_client(settings.gateway, settings.user, settings.password))


def templates() -> Traversable:
    """The templates' folder: in the wheel, else in the checkout."""
    return shipped("asterisk")


def without_missing(text: str, present: set[str]) -> str:
    """Turn `load = x.so` of modules that this Asterisk lacks into `noload`, which it accepts silently."""
    return re.sub(
        r"^load = (\S+)$",
        lambda line: line[0] if line[1] in present else f"noload = {line[1]} ; not in this Asterisk",
        text,
        flags=re.MULTILINE,
    )
