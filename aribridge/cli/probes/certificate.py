"""The certificate of the listener: until when it is good, for which names, and whether it is the one in use."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from aribridge.cli.probes.finding import Finding
from aribridge.config import host_and_port
from aribridge.core.settings import ServerSettings

WHAT = "server.tls_certificate"
SOON = timedelta(days=14)
SHARE = 3
"""Or a third of its life, where that is less: certificates that live for days are renewed days before their end."""
SECONDS = 5.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, to be reached from here


def look(settings: ServerSettings, running: dict[str, Any] | None) -> list[Finding]:
    """Everything about it; that the files can be read and fit is a matter of the configuration."""
    if not settings.tls_certificate:
        return []
    try:
        certificate = x509.load_pem_x509_certificates(Path(settings.tls_certificate).read_bytes())[0]
    except (OSError, ValueError) as error:
        remedy = "Look at it with `openssl x509 -noout -text -in`; it should begin with -----BEGIN CERTIFICATE-----."
        return [Finding("unknown", WHAT, f"cannot be looked into: {error}", remedy)]
    found = [_time(certificate), _names(certificate, settings.public_url)]
    return found if running is None else [*found, _in_use(certificate, settings)]


def _time(certificate: x509.Certificate) -> Finding:
    now, first, last = datetime.now(UTC), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    renew = "Renew it (certbot renew), then aribridge reload."
    if now < first:
        text = f"is good from {first:%Y-%m-%d %H:%M} UTC on, which is still to come"
        return Finding("fail", WHAT, text, "Mend this machine's clock (timedatectl), or use the certificate later.")
    if now >= last:
        return Finding("fail", WHAT, f"ended on {last:%Y-%m-%d %H:%M} UTC: browsers refuse it", renew)
    if last - now < min(SOON, (last - first) / SHARE):
        return Finding("warn", WHAT, f"ends on {last:%Y-%m-%d %H:%M} UTC, in {(last - now).days} days", renew)
    return Finding("ok", WHAT, f"is good until {last:%Y-%m-%d %H:%M} UTC")


def _names(certificate: x509.Certificate, public_url: str) -> Finding:
    names = _names_of(certificate)
    told = ", ".join(names) or "no name at all"
    host = urlsplit(public_url).hostname
    if host is None:
        remedy = "Set server.public_url to the URL that clients use, to have this compared."
        return Finding("unknown", WHAT, f"is for {told}; whether clients use such a name", remedy)
    if any(_is_for(name, host) for name in names):
        return Finding("ok", WHAT, f"is for {host}, the name of server.public_url")
    remedy = f"Get one that names {host}, or correct server.public_url."
    return Finding("fail", WHAT, f"is for {told}, not for {host} of server.public_url: browsers refuse it", remedy)


def _names_of(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return [*names.get_values_for_type(x509.DNSName), *addresses]


def _is_for(name: str, host: str) -> bool:
    """A wildcard stands for one label (RFC 9525 section 6.3); addresses are compared as such."""
    try:
        return ip_address(name) == ip_address(host)
    except ValueError:
        pass
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2])


def _in_use(certificate: x509.Certificate, settings: ServerSettings) -> Finding:
    host, port = host_and_port(settings.listen)
    try:
        served = x509.load_pem_x509_certificate(
            ssl.get_server_certificate((_ANY.get(host, host), port), timeout=SECONDS).encode()
        )
    except (OSError, ValueError) as error:
        remedy = "Look at the gateway's log, and at the port with `openssl s_client`."
        return Finding("fail", WHAT, f"cannot be had from {settings.listen}: {error}", remedy)
    if served == certificate:
        return Finding("ok", WHAT, "is the one that the gateway uses")
    text = f"is newer than what the gateway uses, which ends on {served.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return Finding("warn", WHAT, text, "aribridge reload; a --deploy-hook of certbot's does it by itself.")
