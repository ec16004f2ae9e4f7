"""What each kind of value has to look like, and what settings say together.

A check returns what is wrong and what is expected, or nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from aribridge.config.addresses import host_and_port, is_loopback, port_range
from aribridge.config.bind import Report
from aribridge.config.positions import KeyPath
from aribridge.config.schema import Setting, is_section, settings_of
from aribridge.core.settings import AsteriskSettings, JwtSettings, Settings
from aribridge.core.state import rules

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ICE_URL = re.compile(r"(?:stuns?:(?!.*[?])|turns?:)[^?:\s]+(?::([0-9]{1,5}))?(?:[?]transport=\w+)?")
CONSENT_SECONDS = 10.0
NEEDED = rules.NEEDED | {"ApplicationReplaced", "ChannelDtmfReceived", "ChannelHangupRequest", "Dial"}
"""By the state of calls, by call flows, and to know that another client took the application."""
PARTING = "ChannelUserevent"
"""What the gateway marks by where it left the events of an Asterisk."""
MAY_BE_ZERO = {"leeway", "expiry_seconds", "drain_seconds", "reclaim_seconds", "sweep_seconds"}


def check(settings: Settings, report: Report) -> None:
    """Check every value by its unit, then the sections as a whole."""
    for path, setting, value in values_of(settings):
        for text in _faults(setting, value):
            report(path, text)
    for index, asterisk in enumerate(settings.asterisk):
        _check_asterisk(asterisk, ("asterisk", index), report)
    for index, key in enumerate(settings.auth.jwt):
        _check_key(key, ("auth", "jwt", index), report)
    _check_stored_tokens(settings, report)
    _check_unique(settings, report)
    _check_peers(settings, report)
    _check_listeners(settings, report)
    if settings.audit.total_mb < settings.audit.file_mb:
        report(("audit", "total_mb"), "expected at least audit.file_mb: the present file counts.")


def check_complete(settings: Settings, report: Report) -> None:
    """Check that a gateway with these settings would be of any use."""
    if not settings.asterisk:
        report(("asterisk",), "no [[asterisk]] section: there is nothing to connect to. `aribridge init` writes one.")
    janus = settings.auth.janus
    if not (settings.auth.jwt or janus.api_secret_file or janus.token_secret_file or janus.tokens):
        report(("auth",), "no key and no secret: nobody could get in. `aribridge init` makes a key.")


def values_of(section: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Setting, Any]]:
    """Every setting that is not itself a section, with its path and value."""
    for name, setting in settings_of(type(section)).items():
        value = getattr(section, name)
        if is_section(setting.kind):
            yield from values_of(value, (*path, name))
        elif is_section(setting.item):
            for index, item in enumerate(value):
                yield from values_of(item, (*path, name, index))
        else:
            yield (*path, name), setting, value


def _faults(setting: Setting, value: Any) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        least = "0 or more" if setting.name in MAY_BE_ZERO else "more than 0"
        if value < 0 or (value == 0 and setting.name not in MAY_BE_ZERO):
            yield f"expected a number of {setting.unit or 'things'} that is {least}, got {value}."
    elif setting.unit in BY_UNIT:
        for text in value if isinstance(value, list) else [value]:
            # An empty text means that a setting is not used; the sections say where that is not possible.
            if text and (fault := BY_UNIT[setting.unit](text)):
                yield fault


def _listen(text: str) -> str | None:
    try:
        host_and_port(text)
    except ValueError as error:
        return f'expected host:port, such as "127.0.0.1:8188" or "[::1]:8188", got "{text}": {error}.'
    return None


def _ports(text: str) -> str | None:
    try:
        port_range(text)
    except ValueError as error:
        return f'expected a port or a range, such as "8188" or "40000-40999", got "{text}": {error}.'
    return None


def url_fault(text: str) -> str | None:
    """What is wrong with the base URL of an ARI."""
    example = 'expected a URL such as "http://127.0.0.1:8088/ari"'
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        return f"{example}: {error}."
    if parts.username is not None or "@" in parts.netloc:
        return "credentials do not belong in the URL; use user and password_file."
    if parts.query or parts.fragment:
        return f"{example}, without ? and #."
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or re.search(r"\s", text):
        return f'{example}, got "{text}".'
    if not parts.path.rstrip("/").endswith("/ari"):
        return f'{example}, got "{text}", which does not end in /ari (http.conf may put a prefix before it).'
    return None


def _parts(text: str) -> SplitResult:
    """Of a URL; all are empty for what cannot be one, as ``http://[``."""
    try:
        return urlsplit(text)
    except ValueError:
        return urlsplit("")


def _origin(text: str) -> str | None:
    parts = _parts(text)
    if parts.scheme in {"http", "https"} and parts.hostname and text == f"{parts.scheme}://{parts.netloc}".lower():
        return None
    return (
        f'expected an origin as browsers send it, such as "https://crm.example.com" (no path, no slash), got "{text}".'
    )


def _address(text: str) -> str | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return f'expected an IP address, such as "192.0.2.10", got "{text}".'
    return None


def _network(text: str) -> str | None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f'expected an IP address or network, such as "127.0.0.1" or "10.0.0.0/8", got "{text}".'
    return None


def _base_url(text: str) -> str | None:
    parts = _parts(text)
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or re.search(r"\s", text))
    if parts.scheme in {"http", "https"} and parts.hostname and plain:
        return None
    return f'expected a URL such as "https://pbx.example.com/aribridge", got "{text}".'


def _https(text: str) -> str | None:
    parts = _parts(text)
    plain = not (parts.fragment or "@" in parts.netloc or re.search(r"\s", text))
    if parts.scheme == "https" and parts.hostname and plain:
        return None
    if parts.scheme == "http" and plain and is_loopback(parts.hostname or ""):
        return None
    return f'expected a URL such as "https://id.example.com/keys" (http on this machine alone), got "{text}".'


BY_UNIT: dict[str, Callable[[str], str | None]] = {
    "host:port": _listen,
    "port or first-last": _ports,
    "URL": url_fault,
    "scheme://host[:port]": _origin,
    "IP address": _address,
    "IP address or network": _network,
    "base URL": _base_url,
    "https URL": _https,
}


def _check_asterisk(asterisk: AsteriskSettings, path: KeyPath, report: Report) -> None:
    if not asterisk.url:
        report((*path, "url"), 'is missing: the base URL of its ARI, such as "http://127.0.0.1:8088/ari".')
    for key in ("name", "app"):
        if not NAME.fullmatch(getattr(asterisk, key)):
            report((*path, key), 'expected 1 to 64 letters, digits, "_", "-" or ".".')
    if not asterisk.user or ":" in asterisk.user:
        report((*path, "user"), "expected the name of a user in ari.conf.")
    for needed in sorted(NEEDED.intersection(asterisk.events_disallowed)):
        report((*path, "events_disallowed"), f"{needed} is needed by the gateway itself.")
    if asterisk.link == "outbound":
        _check_outbound(asterisk, path, report)
    if asterisk.password and asterisk.password_file:
        report((*path, "password"), "is given twice; remove it, or password_file.")
    if not asterisk.password and not asterisk.password_file:
        report((*path, "password_file"), f"no password for the ARI user {asterisk.user}: name a file that holds it.")


def _check_outbound(asterisk: AsteriskSettings, path: KeyPath, report: Report) -> None:
    if asterisk.standby:
        report(
            (*path, "standby"), 'is for link = "inbound": Asterisk dials one gateway, and no other can take its place.'
        )
    if PARTING in asterisk.events_disallowed:
        report((*path, "events_disallowed"), f'{PARTING} is needed by the gateway itself with link = "outbound".')


def _check_key(key: JwtSettings, path: KeyPath, report: Report) -> None:
    given = [name for name in ("key_file", "jwks_url", "jwks_file") if getattr(key, name)]
    if not given:
        report((*path, "key_file"), "is missing: the file with the key that signs tokens; else jwks_url or jwks_file.")
    for name in given[1:]:
        report((*path, name), f"is one key source too many beside {given[0]}; use a [[auth.jwt]] for each.")
    if key.algorithm == "HS256" and given and given[0] != "key_file":
        report((*path, "algorithm"), "HS256 has one secret and no public keys: set RS256, ES256 or EdDSA.")


def _check_stored_tokens(settings: Settings, report: Report) -> None:
    names: set[str] = set()
    for index, token in enumerate(settings.auth.janus.tokens):
        path = ("auth", "janus", "tokens", index)
        if not NAME.fullmatch(token.name) or token.name in names:
            report((*path, "name"), 'expected a name of its own: 1 to 64 letters, digits, "_", "-" or ".".')
        if not token.token_file:
            report((*path, "token_file"), "is missing: the file with the token.")
        names.add(token.name)


def _check_unique(settings: Settings, report: Report) -> None:
    names: dict[str, int] = {}
    applications: dict[tuple[str, str], str] = {}
    for index, asterisk in enumerate(settings.asterisk):
        if names.setdefault(asterisk.name, index) != index:
            report(("asterisk", index, "name"), f'"{asterisk.name}" is taken by an earlier [[asterisk]].')
        owner = applications.setdefault((asterisk.url.rstrip("/"), asterisk.app), asterisk.name)
        if asterisk.url and owner != asterisk.name:
            text = f'"{asterisk.app}" on this Asterisk is used by {owner} already: each would take the other\'s events.'
            report(("asterisk", index, "app"), text)


def _check_listeners(settings: Settings, report: Report) -> None:
    taken: dict[str, str] = {}
    for key in ("listen", "admin", "asterisk"):
        address = getattr(settings.server, key)
        owner = taken.setdefault(address, key)
        if owner != key and not address.endswith(":0"):
            report(("server", key), f"is the same address as server.{owner}; give it another port.")


def _check_peers(settings: Settings, report: Report) -> None:
    webrtc = settings.webrtc
    if webrtc.consent_seconds > CONSENT_SECONDS:
        report(("webrtc", "consent_seconds"), f"expected at most {CONSENT_SECONDS:.0f} seconds.")
    for index, server in enumerate(webrtc.ice_servers):
        if fault := _ice_fault(server):
            report(("webrtc", "ice_servers", index), fault)


def _is_ice_url(text: str) -> bool:
    """Whether it is the address of a STUN or TURN server (RFC 7064, RFC 7065)."""
    match = _ICE_URL.fullmatch(text)
    return match is not None and 0 < int(match[1] or 3478) <= 65535


def _ice_fault(server: dict[str, Any]) -> str | None:
    urls = server.get("urls")
    urls = [urls] if isinstance(urls, str) else urls
    if not isinstance(urls, list) or not urls or not all(_is_ice_url(str(url)) for url in urls):
        return 'expected urls = ["stun:host:port"] or ["turn:host:port"].'
    if unknown := server.keys() - {"urls", "username", "credential"}:
        return f"unknown key {min(unknown)}; known are urls, username, credential."
    if any(str(url).startswith("turn") for url in urls) and not {"username", "credential"} <= server.keys():
        return "a turn: server needs username and credential."
    return None
