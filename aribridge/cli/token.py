"""`aribridge token`: tokens made, explained and revoked by hand."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aribridge.cli.operator import settings_at_work, state_at_work
from aribridge.cli.options import Failure, Span, config_options, load_settings

if TYPE_CHECKING:
    from aribridge.auth.keys import SigningKey
    from aribridge.core.principal import Principal
    from aribridge.core.settings import JwtSettings, Settings

INPUT_BYTES = 65536
_MOST_DAYS = 36_500


@click.group()
def token() -> None:
    """Make, revoke or look into a token."""


@token.command()
@click.option("--sub", default="developer", show_default=True, help="Who it is for.")
@click.option("--role", "roles", multiple=True, help="A role; give it several times for several.")
@click.option("--tenant", help="The tenant.")
@click.option("--endpoint", "endpoints", multiple=True, metavar="TECH/NAME", help="A phone of theirs.")
@click.option(
    "--ops", multiple=True, metavar="GLOB", help="ARI operations allowed, such as 'channels.*'; none without."
)
@click.option("--minutes", type=Span(_MOST_DAYS * 1440), default=60, show_default=True, help="Validity.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Secret (HS256) or private key in PEM.  [default: the first HS256 key of the configuration, else the key of "
    "the development run in this folder]",
)
@config_options
def issue(
    *, minutes: float, key_file: Path | None, config: Path | None, assignments: tuple[str, ...], **grants: Any
) -> None:
    """Print a token, alone on the last line; what it grants goes to standard error."""
    from aribridge.auth import KeyFault, read_signing_key

    settings = load_settings(config, assignments, complete=False)
    file = str(key_file) if key_file else _default_key(settings)
    try:
        algorithm, key = read_signing_key(file)
    except (KeyFault, OSError) as error:
        raise Failure(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    allowed = _allowed(grants["roles"], grants["ops"]) or "nothing (add --role or --ops)"
    _warn_of_roles(settings, grants["roles"])
    click.echo(f"{algorithm} by {file}, for {grants['sub']}, {minutes:g} minutes, allows {allowed}", err=True)
    click.echo(_minted(settings, algorithm, key, seconds=minutes * 60, **grants))


@token.command()
@config_options
def inspect(*, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Read a token from standard input; print what it says, and whether this gateway would let it in."""
    settings = settings_at_work(config, assignments)
    text = read_token()
    click.echo(_contents(text))
    principal = judged(settings, text)
    click.echo(f"valid, allows {_allowed(principal.roles, principal.ops) or 'nothing'}")


@token.command()
@click.option("--sub", help="Whose tokens: those that were issued until auth.leeway from now.")
@click.option("--jti", help="One token, by its jti claim.")
@click.option(
    "--days",
    type=Span(_MOST_DAYS),
    default=30,
    show_default=True,
    help="For how long; longer than your longest token.",
)
@config_options
def revoke(*, sub: str | None, jti: str | None, days: float, config: Path | None, assignments: tuple[str, ...]) -> None:
    """Let a token, or a subject's tokens, in no more; end at once what they have open. A restart changes nothing."""
    if (sub is None) == (jti is None):
        raise click.UsageError("give --sub or --jti")
    closed = _revoke(state_at_work(config, assignments), sub, jti, days * 86400)
    click.echo(f"revoked; {closed} connections and sessions closed")


def read_token() -> str:
    """What standard input has, whatever it is."""
    return sys.stdin.buffer.read(INPUT_BYTES).decode(errors="replace").strip()


def _revoke(folder: Path, sub: str | None, jti: str | None, seconds: float) -> int:
    """By the gateway that runs, which ends what is open; else in its file."""
    from aribridge.auth import Revocations
    from aribridge.cli.operator import ask, is_served
    from aribridge.server.local import SOCKET

    if is_served(folder / SOCKET):
        status, body = ask(folder / SOCKET, "POST", "/v1/revoke", json={"sub": sub, "jti": jti, "seconds": seconds})
        if status != 200:
            raise Failure(str(body["error"]))
        return int(body["closed"])
    click.echo(f"No gateway runs with this configuration: it is kept in {folder}, for the next that does.", err=True)
    try:
        Revocations(folder).revoke(token=jti, subject=sub, seconds=seconds)
    except (OSError, ValueError) as error:
        raise Failure(f"Nothing is revoked: {error}") from None
    return 0


def _allowed(roles: Sequence[str], ops: Sequence[str]) -> str:
    by_roles = [f"what the policy allows {', '.join(roles)}"] if roles else []
    return ", ".join([*ops, *by_roles])


def _warn_of_roles(settings: Settings, roles: Sequence[str]) -> None:
    """Of those that the policy does not have: a token may be for another gateway, so it is made all the same."""
    from aribridge.config import load_policy
    from aribridge.config.bind import meant

    known = load_policy(settings.auth.policy).roles
    for role in roles:
        if role not in known:
            text = f'The policy has no role "{role}", so that it allows nothing here.{meant(role, known)}'
            click.echo(text, err=True)


def _default_key(settings: Settings) -> str:
    sections = [known for known in settings.auth.jwt if known.algorithm == "HS256"] + dev_sections()
    if not sections:
        raise Failure(
            "There is no key to sign with: `aribridge run --dev` makes one in this folder, `aribridge init` one for "
            "production, and --key-file names any other."
        )
    return sections[0].key_file


def _minted(settings: Settings, algorithm: str, key: SigningKey, **grants: Any) -> str:
    """A token for the audience and from the issuer that the configuration asks of tokens of this algorithm."""
    from aribridge.auth import mint

    sections = [known for known in settings.auth.jwt if known.algorithm == algorithm]
    audience, issuer = (sections[0].audience, sections[0].issuer) if sections else ("", "")
    return mint(key, algorithm=algorithm, audience=audience or None, issuer=issuer or None, **grants)


def judged(settings: Settings, text: str) -> Principal:
    """Whose token it is, by the keys of the configuration, of its issuers, and of the development run here."""
    import asyncio

    from aribridge.auth import Authenticator
    from aribridge.protocol.problems import Problem

    settings.auth.jwt += dev_sections()
    authenticator = Authenticator(settings.auth, _revoked(settings))
    asyncio.run(authenticator.keys.fetch())
    try:
        return authenticator.janus(None, text)
    except Problem as problem:
        raise Failure(f"not valid: {problem.detail}") from None


def _revoked(settings: Settings) -> Callable[[Principal], bool]:
    """What the gateway knows of revoked tokens; whoever may not read that is told so."""
    from aribridge.auth import Revocations

    try:
        return Revocations(Path(settings.state)).covers
    except OSError as error:
        click.echo(f"Whether it was revoked is not known: {error}", err=True)
        return lambda _: False
    except ValueError as error:
        raise Failure(str(error)) from None


def dev_sections() -> list[JwtSettings]:
    """The key of the development run in this folder, if there is one."""
    from aribridge.cli.dev import KEY
    from aribridge.core.settings import JwtSettings

    return [JwtSettings(key_file=str(KEY))] if KEY.exists() else []


def _contents(text: str) -> str:
    """Header and claims of a JSON Web Token, or the fields of a signed Janus token; nothing is verified."""
    import jwt

    if ":" in text:
        expiry, *fields = text.partition(":")[0].split(",")
        return json.dumps({"expiry": expiry, "remaining": _remaining(expiry), "fields": fields}, indent=2)
    try:
        parts = jwt.decode_complete(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Failure("not valid: this is neither a JSON Web Token nor a signed Janus token") from None
    shown = {
        "header": parts["header"],
        "claims": parts["payload"],
        "remaining": _remaining(parts["payload"].get("exp")),
    }
    return json.dumps(shown, indent=2)


def _remaining(expiry: Any) -> str:
    try:
        return f"{float(expiry) - time.time():.0f} seconds"
    except (TypeError, ValueError, OverflowError):
        return "unknown"
