"""The files that settings name: found, readable, kept from other people's eyes."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path

from aribridge.auth.keyring import FileKeys
from aribridge.auth.keys import KeyFault, read_secret
from aribridge.config.bind import Report
from aribridge.config.checks import values_of
from aribridge.config.positions import KeyPath
from aribridge.core.settings import ServerSettings, Settings
from aribridge.files import NOT_REGULAR

STOCK = "stock:"


def resolve_paths(settings: Settings, base: Path) -> None:
    """Make every path absolute, relative ones from ``base``."""
    for path, setting, value in values_of(settings):
        if setting.unit == "path":
            section = _section(settings, path)
            resolved = [_resolved(item, base) for item in value] if setting.item else _resolved(value, base)
            setattr(section, setting.name, resolved)


def check_files(settings: Settings, report: Report) -> None:
    """Check every file that the settings name, and read the passwords of Asterisk's users."""
    for path, setting, value in values_of(settings):
        if setting.name in {"password_file", "api_secret_file", "token_secret_file", "token_file"} and value:
            report_any(path, file_fault(value, secret=True), report)
        elif setting.name == "ca_file" and value:
            report_any(path, file_fault(value) or _ca_fault(value), report)
        elif setting.name == "files":
            for file in value if setting.item else [value]:
                report_any(path, None if file.startswith(STOCK) else file_fault(file), report)
    _read_passwords(settings)
    _check_keys(settings, report)
    _check_certificate(settings.server, report)
    _check_janus_scripts(settings, report)


def file_fault(name: str, *, secret: bool = False) -> str | None:
    """What is wrong with a file, and what to do about it."""
    try:
        status = Path(name).stat()
    except OSError as error:
        return f"{name}: {error.strerror}. Create the file, or correct the path."
    if not stat.S_ISREG(status.st_mode):
        return f"{name} {NOT_REGULAR}."
    if not os.access(name, os.R_OK):
        return f"{name} cannot be read by this user (uid {os.getuid()}); change its owner, or its mode to 0640."
    if secret and status.st_mode & stat.S_IROTH:
        return f"{name} can be read by everybody on this machine: run `chmod 600 {name}`."
    if secret and not read_secret(name).strip():
        return f"{name} is empty."
    return None


def certificate_fault(certificate: str, key: str) -> str | None:
    """What is wrong with a TLS certificate and its key as a pair."""
    if fault := file_fault(certificate) or file_fault(key) or _no_key(key) or file_fault(key, secret=True):
        return fault
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{key} is not the key of {certificate}."
        return f"{certificate} and {key} are not a certificate and its key in PEM, without a passphrase."
    except ValueError:
        return f"{key} has a passphrase; a gateway that starts by itself needs a key without one."
    return None


def _no_key(name: str) -> str | None:
    if b"PRIVATE KEY-----" in read_secret(name):
        return None
    return f"{name} holds no private key in PEM, which begins with -----BEGIN PRIVATE KEY-----."


def _ca_fault(name: str) -> str | None:
    try:
        ssl.create_default_context(cafile=name)
    except OSError:
        return f"{name} holds no certificate of a CA in PEM, which begins with -----BEGIN CERTIFICATE-----."
    return None


def report_any(path: KeyPath, text: str | None, report: Report) -> None:
    """Report a fault if there is one."""
    if text:
        report(path, text)


def _resolved(name: str, base: Path) -> str:
    return name if not name or name.startswith(STOCK) else str(base / os.path.expanduser(name))


def _section(settings: Settings, path: KeyPath) -> object:
    section: object = settings
    for step in path[:-1]:
        section = section[step] if isinstance(step, int) else getattr(section, step)  # type: ignore[index]
    return section


def _read_passwords(settings: Settings) -> None:
    for asterisk in settings.asterisk:
        if asterisk.password_file and not file_fault(asterisk.password_file, secret=True):
            asterisk.password = read_secret(asterisk.password_file).decode(errors="replace").strip()


def _check_keys(settings: Settings, report: Report) -> None:
    for index, key in enumerate(settings.auth.jwt):
        name = "key_file" if key.key_file else "jwks_file"
        if not (file := getattr(key, name)):
            continue
        path = ("auth", "jwt", index, name)
        if fault := file_fault(file, secret=key.algorithm == "HS256"):
            report(path, fault)
        else:
            try:
                FileKeys(key)
            except KeyFault as error:
                report(path, f"{error}.")


def _check_certificate(server: ServerSettings, report: Report) -> None:
    if server.tls_certificate and server.tls_key:
        report_any(("server", "tls_certificate"), certificate_fault(server.tls_certificate, server.tls_key), report)
    elif server.tls_certificate or server.tls_key:
        missing = "tls_key" if server.tls_certificate else "tls_certificate"
        report(("server", missing), "is missing: TLS needs a certificate and its key.")


def _no_password() -> str:
    raise ValueError("a passphrase is asked for")


def _check_janus_scripts(settings: Settings, report: Report) -> None:
    for index, lua in enumerate(settings.janus.lua):
        missing = None if lua.script else "is missing: the script to run."
        report_any(("janus", "lua", index, "script"), missing or file_fault(lua.script), report)
