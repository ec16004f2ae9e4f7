"""Fixtures of the Asterisk side: catalogues read from the real description files, and links to real Asterisks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ari_lab import Sink, running_link, settings_of

from aribridge.ari import Catalogue, Link, connect, lanes
from aribridge.ari.description import read_catalogue
from aribridge.asterisk.install import install
from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.settings import AsteriskSettings


def catalogue_of(release: str) -> Catalogue:
    folder: Path = install(release).data / "rest-api"
    files = [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.json")) if path.name != "resources.json"]
    return read_catalogue(files)


@pytest.fixture(scope="session")
def catalogue22() -> Catalogue:
    return catalogue_of("22")


@pytest.fixture(scope="session")
def catalogue16() -> Catalogue:
    return catalogue_of("16")


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link asks Asterisk for nothing but what the test asks it for, however long either takes."""
    monkeypatch.setattr(connect, "WATCH", 3600.0)
    monkeypatch.setattr(lanes, "REPEAT_READS", 30.0)


@pytest.fixture
async def linked(asterisk: PrivateAsterisk) -> AsyncIterator[tuple[Link, Sink]]:
    """A link that is up, to 22 and then to 16, and what it told its sink."""
    async with running_link(settings_of(asterisk)) as pair:
        yield pair


def offline(catalogue: Catalogue) -> Link:
    """A link that knows an Asterisk and is not connected: enough to resolve and check commands."""
    link = Link(AsteriskSettings(name="pbx", url="http://127.0.0.1:9/ari", password="unused"), Sink())
    link.catalogue = catalogue
    return link


@pytest.fixture(scope="session")
def link22(catalogue22: Catalogue) -> Link:
    return offline(catalogue22)


@pytest.fixture(scope="session")
def link16(catalogue16: Catalogue) -> Link:
    return offline(catalogue16)
