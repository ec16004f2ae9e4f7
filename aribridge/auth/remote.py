"""Keys that an issuer publishes (``jwks_url``): fetched before they are stale, kept for a while when it is down."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from aribridge.auth.fetch import fetch_jwks
from aribridge.auth.jwks import JwkSet
from aribridge.auth.keys import Key, KeyFault, key_of, pick
from aribridge.core.settings import JwtSettings
from aribridge.obs import metrics

log = structlog.get_logger("aribridge.auth")

_FETCH_SECONDS = 1.0
"""In which a fetch is usually done."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often an issuer is asked, in seconds."""

    least: float = 60.0
    """Between two fetches, whatever its Cache-Control says."""
    most: float = 3600.0
    usual: float = 600.0
    """Without a Cache-Control."""
    unknown: float = 5.0
    """Between two fetches for keys that tokens name and nobody knows: anybody can name any."""
    retry: float = 5.0
    """After a fetch that failed; twice as long after each further one, up to ``least``."""
    patience: float = 5.0
    """For whom a token is waited with that names an unknown key."""


PACE = Pace()


class RemoteKeys:
    """The set of one issuer. ``run`` fetches, everything else reads what is there."""

    def __init__(self, settings: JwtSettings, pace: Pace) -> None:
        self.algorithm: str = settings.algorithm
        self._settings = settings
        self._pace = pace
        self._keys: Mapping[str | None, Key] = {}
        self._good_until = -math.inf
        self._tried = -math.inf
        self._failures = 0
        self._wanted, self._tried_again = asyncio.Event(), asyncio.Event()
        self._labels = (_shown(settings.jwks_url), self.algorithm)
        metrics.jwks_success_timestamp_seconds.labels(*self._labels).set(0)

    def find(self, kid: str | None) -> Sequence[Key]:
        """The keys that a token may be signed with that names this one."""
        return pick(self._keys, kid) if time.monotonic() < self._good_until else ()

    def ask(self) -> float:
        """Have the set fetched, as soon as that may be; in how many seconds that will be done."""
        if not self._wanted.is_set():
            self._wanted.set()
            self._tried_again.clear()
        return self._pause + _FETCH_SECONDS

    async def learn(self) -> None:
        """Wait for a fetch that is made now; whom it has to wait for itself is not held up."""
        if self._pause > 0:
            return
        self.ask()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.patience):
                await self._tried_again.wait()

    async def run(self) -> None:
        """Fetch the set whenever it is time to, for ever."""
        while True:
            pause = await self.fetch()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wanted.wait()
                    await asyncio.sleep(self._pause)

    async def fetch(self) -> float:
        """Fetch the set once; in how many seconds that is to be done again."""
        try:
            fetched, max_age = await fetch_jwks(self._settings.jwks_url, self.algorithm)
        except KeyFault as fault:
            pause = self._failed(fault)
        else:
            pause = self._took(fetched, max_age)
        self._tried = time.monotonic()
        self._wanted.clear()
        self._tried_again.set()
        return pause

    @property
    def _pause(self) -> float:
        """Seconds until the set may be fetched for an unknown key."""
        return max(0.0, self._tried + self._pace.unknown - time.monotonic())

    def _took(self, fetched: JwkSet, max_age: float | None) -> float:
        keys = {kid: key_of(self._settings, key) for kid, key in fetched.keys.items()}
        if keys != self._keys or self._failures:
            names = sorted(str(kid)[:64] for kid in keys)
            log.info("jwks.loaded", url=self._settings.jwks_url, keys=names, refused=list(fetched.refused))
        self._keys, self._failures = keys, 0
        metrics.jwks_fetches_total.labels(*self._labels, "fetched").inc()
        metrics.jwks_success_timestamp_seconds.labels(*self._labels).set_to_current_time()
        self._good_until = time.monotonic() + self._settings.jwks_keep_seconds
        seconds = self._pace.usual if max_age is None else max_age
        # Before the set is stale: a key is published before the first token names it.
        return 0.9 * min(max(seconds, self._pace.least), self._pace.most)

    def _failed(self, fault: KeyFault) -> float:
        left = self._good_until - time.monotonic()
        said = {"url": self._settings.jwks_url, "reason": str(fault)}
        if left > 0:
            log.warning("jwks.not_fetched", **said, keys_good_for=round(left), remedy="`aribridge doctor` looks closer")
        else:
            log.error("jwks.no_keys", **said, refused="every token that its keys sign", remedy="see the reason")
        self._failures += 1
        metrics.jwks_fetches_total.labels(*self._labels, "failed").inc()
        return min(self._pace.retry * 2.0 ** min(self._failures - 1, 10), self._pace.least)


def _shown(url: str) -> str:
    """An address as figures have it: what is behind a question mark may be secret."""
    return urlsplit(url)._replace(query="").geturl()
