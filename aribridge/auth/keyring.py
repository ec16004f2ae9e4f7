"""The keys of all ``[[auth.jwt]]`` sections: those of files, and those that issuers publish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aribridge.auth.jwks import read_jwks
from aribridge.auth.keys import Key, KeyFault, key_of, pick, read_material, read_secret
from aribridge.auth.remote import PACE, Pace, RemoteKeys
from aribridge.core.settings import JwtSettings


class KeyRing:
    """Which keys may have signed a token, by what its header says."""

    def __init__(self, sections: Sequence[JwtSettings], pace: Pace = PACE) -> None:
        """Read the files. Raises KeyFault."""
        self._files = [FileKeys(section) for section in sections if not section.jwks_url]
        self._remote = [RemoteKeys(section, pace) for section in sections if section.jwks_url]

    @property
    def files(self) -> list[Path]:
        """What was read."""
        return [source.path for source in self._files]

    @property
    def is_fetched(self) -> bool:
        """Whether there are keys that ``run`` has to fetch."""
        return bool(self._remote)

    def find(self, algorithm: str, kid: str | None) -> list[Key]:
        """The keys for the algorithm; of a set, the one that ``kid`` names, or its only one where that is None."""
        sources: tuple[FileKeys | RemoteKeys, ...] = (*self._files, *self._remote)
        return [key for source in sources if source.algorithm == algorithm for key in source.find(kid)]

    def ask(self, algorithm: str, kid: str | None) -> float | None:
        """Have the sets fetched that lack the key; in how many seconds it may be there, None if it never will."""
        return min((source.ask() for source in self._lacking(algorithm, kid)), default=None)

    async def learn(self, algorithm: str, kid: str | None) -> None:
        """Wait for the sets that lack the key, if they are about to be fetched; not for long."""
        await asyncio.gather(*(source.learn() for source in self._lacking(algorithm, kid)))

    async def run(self) -> None:
        """Keep the sets of issuers fresh, for ever."""
        async with asyncio.TaskGroup() as group:
            for source in self._remote:
                group.create_task(source.run())

    async def fetch(self) -> None:
        """Fetch every set once."""
        await asyncio.gather(*(source.fetch() for source in self._remote))

    def reread(self) -> Callable[[], list[Path]]:
        """Read the files anew; what is returned puts them in force, and tells which are new. Raises KeyFault."""
        read = [(source, source.read()) for source in self._files]
        return lambda: [source.path for source, content in read if source.replace(content)]

    def _lacking(self, algorithm: str, kid: str | None) -> list[RemoteKeys]:
        return [source for source in self._remote if source.algorithm == algorithm and not source.find(kid)]


class FileKeys:
    """The key of a ``key_file``, whatever a token calls it, or those of a ``jwks_file``."""

    def __init__(self, settings: JwtSettings) -> None:
        """Read the file. Raises KeyFault."""
        self.algorithm: str = settings.algorithm
        self.path = Path(settings.key_file or settings.jwks_file)
        self._settings = settings
        self._content = self.read()

    def find(self, kid: str | None) -> Sequence[Key]:
        """The keys that a token may be signed with that names this one."""
        if self._settings.key_file:
            return list(self._content.values())
        return pick(self._content, kid)

    def read(self) -> Mapping[str | None, Key]:
        """Read the file anew. Raises KeyFault, with its name."""
        try:
            content = read_secret(str(self.path))
            if self._settings.key_file:
                return {None: key_of(self._settings, read_material(self.algorithm, content))}
            keys = read_jwks(self.algorithm, content).keys
        except (KeyFault, OSError) as error:
            raise KeyFault(f"{self.path} {getattr(error, 'strerror', None) or error}") from None
        return {kid: key_of(self._settings, key) for kid, key in keys.items()}

    def replace(self, content: Mapping[str | None, Key]) -> bool:
        """Use these keys from now on; whether they are others."""
        before, self._content = self._content, content
        return before != content
