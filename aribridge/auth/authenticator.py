"""Who gets in: the one place that turns credentials into a principal, or refuses them."""

from __future__ import annotations

import dataclasses
import hmac
from collections.abc import Callable, Sequence
from pathlib import Path

from aribridge.auth.janus import JanusSecrets, is_signed_token, read_signed_token
from aribridge.auth.keyring import KeyRing
from aribridge.auth.remote import PACE, Pace
from aribridge.auth.tokens import TOKEN_BYTES, named_key, read_token
from aribridge.core.principal import Principal
from aribridge.core.settings import AuthSettings
from aribridge.obs import metrics
from aribridge.protocol.problems import Problem


class Authenticator:
    """Judges the credentials of every door. With nothing configured it lets nobody in."""

    def __init__(
        self,
        settings: AuthSettings,
        is_revoked: Callable[[Principal], bool] = lambda _: False,
        pace: Pace = PACE,
    ) -> None:
        """Read the files of keys and secrets. Raises KeyFault."""
        self._claims = settings.claims
        self._is_revoked = is_revoked
        janus = settings.janus
        self.keys = KeyRing(settings.jwt, pace)
        self._leeway = settings.leeway
        self._secrets = JanusSecrets(janus)
        self._janus = Principal("janus", roles=tuple(janus.roles), ops=tuple(janus.ops))

    @property
    def files(self) -> list[Path]:
        """What was read."""
        return list(dict.fromkeys([*self.keys.files, *self._secrets.files]))

    def reread(self) -> Callable[[], list[Path]]:
        """Read the files anew; what is returned puts them in force, and tells which are new. Raises KeyFault."""
        take_keys, secrets = self.keys.reread(), self._secrets.read()
        return lambda: [*take_keys(), *self._secrets.replace(secrets)]

    @metrics.judging()
    def bearer(self, token: str) -> Principal:
        """The principal of a JSON Web Token. Raises Problem ``unauthorized``."""
        return self._by_jwt(token)

    @metrics.judging()
    def janus(self, apisecret: str | None, token: str | None, plugin: str | None = None) -> Principal:
        """The principal of a Janus request; ``plugin`` is the one that an attach asks for.

        ``token`` is a stored or signed token of Janus's, or a JSON Web Token. As in Janus, a right secret is enough by
        itself, whatever the token. Raises Problem ``unauthorized`` (Janus's 403), or ``forbidden`` for a plugin that
        the token does not name (Janus's 405).
        """
        try:
            return self._by_token(token, plugin)
        except Problem:
            secret = self._secrets.api_secret
            if secret and hmac.compare_digest(secret, _encoded(apisecret)):
                return self._judged(self._janus)
            raise

    def confirm(self, principal: Principal) -> None:
        """Raise Problem ``unauthorized`` where the token was revoked since it was judged."""
        self._judged(principal)

    async def learn(self, token: object) -> None:
        """Wait, for some seconds at most, for a key that a token names, that is not known and may be any moment."""
        if not (self.keys.is_fetched and isinstance(token, str) and len(token) <= TOKEN_BYTES and token.isascii()):
            return
        if (named := named_key(token)) is not None:
            await self.keys.learn(*named)

    def _by_token(self, token: str | None, plugin: str | None) -> Principal:
        if not token:
            raise Problem("unauthorized", "The request has neither a token nor the right apisecret.")
        if (stored := self._secrets.find(token)) is not None:
            if stored.plugins:
                _check_plugin(plugin, stored.plugins)
            return self._judged(Principal(f"janus:{stored.name}", roles=tuple(stored.roles), ops=tuple(stored.ops)))
        if not is_signed_token(token):
            return self._by_jwt(token)
        if not self._secrets.token_secret:
            raise Problem("unauthorized", "This gateway takes no signed Janus tokens (auth.janus.token_secret_file).")
        signed = read_signed_token(self._secrets.token_secret, self._leeway, token)
        _check_plugin(plugin, signed.plugins)
        holder = dataclasses.replace(self._janus, sub=f"janus:{signed.fingerprint}", expires=signed.expires)
        return self._judged(holder)

    def _by_jwt(self, token: str) -> Principal:
        return self._judged(read_token(self.keys, self._claims, self._leeway, token))

    def _judged(self, principal: Principal) -> Principal:
        if self._is_revoked(principal):
            raise Problem("unauthorized", "The token was revoked.")
        return principal


def _check_plugin(wanted: str | None, allowed: Sequence[str]) -> None:
    if wanted is not None and wanted not in allowed:
        raise Problem("forbidden", f"The token does not name the plugin {wanted[:64]}.")


def _encoded(text: str | None) -> bytes:
    """Bytes to compare: lone surrogates, which JSON can carry, must not raise."""
    return (text or "").encode("utf-8", "surrogatepass")
