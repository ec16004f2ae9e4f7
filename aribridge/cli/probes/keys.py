"""How an issuer publishes its keys: whether they can be fetched, and which of them count."""

from __future__ import annotations

from aribridge.auth import KeyFault, fetch_jwks
from aribridge.cli.probes.finding import Finding, of_sentence
from aribridge.core.settings import JwtSettings


async def look(settings: JwtSettings) -> list[Finding]:
    """The set of ``jwks_url``, for the algorithm of its section."""
    what = f"keys {settings.jwks_url}"
    try:
        found, _ = await fetch_jwks(settings.jwks_url, settings.algorithm)
    except KeyFault as fault:
        return [of_sentence(what, str(fault))]
    names = ", ".join(sorted(str(kid)[:64] for kid in found.keys))
    findings = [Finding("ok", what, f"{len(found.keys)} for {settings.algorithm}: {names}")]
    if not settings.audience:
        text = "a token that the provider signed for another application gets in, too: no audience is asked for"
        remedy = "Set audience in this [[auth.jwt]] to what tokens for this gateway have as aud."
        findings.append(Finding("warn", what, text, remedy))
    return findings
