"""Tokens and subjects that are let in no more, kept in a file from one run to the next."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import msgspec

from aribridge.core.principal import Principal
from aribridge.protocol.problems import Problem

FILE = "revoked.json"
MOST = 10_000


class _Revoked(msgspec.Struct):
    """``at``: when it was revoked, ``until``: when it is forgotten; Unix seconds."""

    at: float
    until: float


class _Content(msgspec.Struct):
    tokens: dict[str, _Revoked] = {}
    subjects: dict[str, _Revoked] = {}


class Revocations:
    """What was revoked. A subject's tokens are refused that were issued until then, or do not say when (``iat``)."""

    def __init__(self, folder: Path) -> None:
        """Read the file. Raises OSError, and ValueError when it is none of ours: who is let in is not to be guessed."""
        self._path = folder / FILE
        try:
            self._content = msgspec.json.decode(self._path.read_bytes(), type=_Content)
        except FileNotFoundError:
            self._content = _Content()
        except msgspec.MsgspecError as error:
            raise ValueError(f"{self._path} is not a list of revocations: {error}. Restore it, or remove it.") from None

    def covers(self, principal: Principal) -> bool:
        """Whether the principal's token was revoked."""
        if principal.token is not None and principal.token in self._content.tokens:
            return True
        revoked = self._content.subjects.get(principal.sub)
        return revoked is not None and (principal.issued is None or principal.issued <= revoked.at)

    def revoke(self, *, token: str | None = None, subject: str | None = None, seconds: float) -> None:
        """Refuse a token by its ``jti``, or a subject's tokens, for some seconds, in the next runs, too.

        Raises OSError when it cannot be kept: nothing is revoked then. Problem ``too_many_requests`` over the bound.
        """
        now = time.time()
        content = _Content(_current(self._content.tokens, now), _current(self._content.subjects, now))
        if len(content.tokens) + len(content.subjects) >= MOST:
            raise Problem("too_many_requests", f"{MOST} revocations are kept already; change the key instead.")
        revoked = _Revoked(now, now + seconds)
        if token is not None:
            content.tokens[token] = revoked
        if subject is not None:
            content.subjects[subject] = revoked
        self._write(content)
        self._content = content

    def _write(self, content: _Content) -> None:
        """Write the file whole or not at all."""
        folder = self._path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=folder, prefix=f".{FILE}-", delete=False) as file:
            file.write(msgspec.json.encode(content))
            file.flush()
            _give(file.fileno(), folder)
            os.fsync(file.fileno())
        Path(file.name).replace(self._path)


def _give(descriptor: int, folder: Path) -> None:
    """Root revokes for a service of another user, which has to read it."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _current(revoked: dict[str, _Revoked], now: float) -> dict[str, _Revoked]:
    return {name: one for name, one in revoked.items() if one.until > now}
