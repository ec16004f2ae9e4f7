"""Installing: verified by Debian's keys or not at all, and a plain sentence where it cannot be."""

import json
import platform
from pathlib import Path

import pytest

from aribridge.asterisk import apt
from aribridge.asterisk.apt import PrivateApt, configured_mirrors
from aribridge.asterisk.install import Release, install
from aribridge.asterisk.installation import InstallError, find_system, read_version


@pytest.mark.parametrize(("release", "major"), [("22", 22), ("16", 16)])
def test_the_set_of_versions_is_recorded(release: Release, major: int) -> None:
    installation = install(release)
    assert installation.version[0] == major
    record = json.loads((Path(installation.command[-1]).parents[3] / "installed.json").read_text())
    assert record["packages"]["asterisk"].startswith(f"1:{installation.version_text}")
    assert "libc6" in record["packages"]
    assert read_version(installation.command) == installation.version


def test_the_second_call_finds_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = install("22")
    monkeypatch.setenv("PATH", str(tmp_path))  # no program that could fetch or unpack anything
    assert install("22", progress=pytest.fail) == first


def test_a_mirror_without_debians_signature_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A keyring without keys: what every mirror serves is then signed by a stranger.
    stranger = tmp_path / "empty.gpg"
    stranger.touch()
    monkeypatch.setattr(apt, "KEYRINGS", (stranger,))
    with pytest.raises(InstallError, match=r"(?i)no mirror serves Debian forky.*(sign|key)"):
        PrivateApt(tmp_path / "apt").update("forky")


def test_the_machines_mirrors_come_from_its_own_sources() -> None:
    assert all(mirror.startswith("http") and "security" not in mirror for mirror in configured_mirrors())


def test_another_machine_is_told_to_bring_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(
        InstallError, match=r"amd64, this is Linux on aarch64\. .*aribridge init.*\[\[asterisk\]\].*url"
    ):
        install("22", cache=tmp_path / "cache")


def test_a_machine_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallError, match=r"no apt-get and no dpkg-deb.*aribridge init"):
        install("22", cache=tmp_path / "cache")


def test_no_network_is_a_sentence_and_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy that is not there: what a machine without a network sees, at once.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(InstallError, match=r"no mirror serves Debian bullseye.*aribridge init"):
        install("16", cache=tmp_path)
    assert not (tmp_path / "asterisk-16").exists()


def test_without_a_program_on_path_there_is_no_system_asterisk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_system() is None
