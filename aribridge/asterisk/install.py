"""Installs a private Asterisk from Debian's packages, rootless, their signatures checked by apt."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aribridge.asterisk.apt import PrivateApt, package_versions, unpack
from aribridge.asterisk.installation import Installation, InstallError, find_system, read_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Release = Literal["22", "16"]
SUITES: dict[Release, str] = {"22": "forky", "16": "bullseye"}
PACKAGES = ("asterisk", "asterisk-modules", "asterisk-moh-opsound-gsm")
RECORD = "installed.json"
LOCK_DEADLINE = 1200.0
ELSEWHERE = (
    "To use an Asterisk of your own instead, run `aribridge init --asterisk http://HOST:8088/ari`"
    " (it writes `[[asterisk]]` with `url = …` into aribridge.toml and prints what to paste into Asterisk)."
)


def install(
    release: Release, cache: Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> Installation:
    """The private Asterisk of a release; the first call downloads it (about 80 MB), later ones find it at once.

    22 comes from Debian forky, 16 from bullseye, into `<cache>/asterisk-<release>`; `installed.json` there records
    every package with its version. `progress` gets one line per step.
    Raises InstallError, which says what to do instead.
    """
    cache = cache or cache_folder()
    folder = cache / f"asterisk-{release}"
    if not (folder / RECORD).exists():
        try:
            _build(release, folder, progress)
        except (InstallError, OSError) as error:
            raise InstallError(f"Asterisk {release} could not be installed: {error}. {ELSEWHERE}") from error
    return _load(release, folder)


def system_or_private(progress: Callable[[str], None] = lambda _: None) -> Installation:
    """What an instance of our own starts from: the machine's `asterisk` program if it has one, else the private 22."""
    return find_system() or install("22", progress=progress)


def cache_folder() -> Path:
    """Where downloads are kept: `$ARIBRIDGE_CACHE`, else `aribridge` in the XDG cache folder."""
    if own := os.environ.get("ARIBRIDGE_CACHE"):
        return Path(own).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "aribridge"


def _build(release: Release, folder: Path, progress: Callable[[str], None]) -> None:
    _check_machine()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.with_name(folder.name + ".lock"), progress):
        if (folder / RECORD).exists():
            return
        partial = folder.with_name(folder.name + ".partial")
        for leftover in (partial, folder):
            shutil.rmtree(leftover, ignore_errors=True)
        # Private, since packages may hold setuid programs and everything here is the user's own.
        partial.mkdir(mode=0o700)
        _fill(release, partial, progress)
        partial.rename(folder)
        progress(f"Asterisk {release} is installed in {folder}.")


def _fill(release: Release, folder: Path, progress: Callable[[str], None]) -> None:
    apt = PrivateApt(folder / "apt")
    progress(f"Asterisk {release}: reading Debian {SUITES[release]}'s package index …")
    mirror = apt.update(SUITES[release])
    progress(f"Asterisk {release}: downloading about 80 MB from {mirror} …")
    packages = apt.download(*PACKAGES)
    progress(f"Asterisk {release}: unpacking {len(packages)} packages …")
    for package in packages:
        unpack(package, folder / "root")
    # The link that Debian's alternatives would make.
    (folder / "root/usr/share/asterisk/sounds/en").symlink_to("en_US_f_Allison")
    version = read_version(_command(folder / "root"))
    record = {"mirror": mirror, "suite": SUITES[release], "version": version, "packages": package_versions(packages)}
    shutil.rmtree(folder / "apt")
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")


def _load(release: Release, folder: Path) -> Installation:
    root = folder / "root"
    version = tuple(json.loads((folder / RECORD).read_text())["version"])
    modules = next(root.glob("usr/lib/**/asterisk/modules"))
    return Installation(release, _command(root), modules, root / "usr/share/asterisk", version)


def _command(root: Path) -> tuple[str, ...]:
    """Run it by its own loader: its C library is newer or older than the machine's."""
    libraries = [
        path
        for name in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib")
        if (path := root / name).is_dir()
    ]
    loader = next(path / "ld-linux-x86-64.so.2" for path in libraries if (path / "ld-linux-x86-64.so.2").exists())
    return str(loader), "--library-path", ":".join(map(str, libraries)), str(root / "usr/sbin/asterisk")


def _check_machine() -> None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise InstallError(
            f"Debian's packages are for Linux on amd64, this is {platform.system()} on {platform.machine()}"
        )
    if missing := [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]:
        raise InstallError(f"this machine has no {' and no '.join(missing)}")


@contextmanager
def _lock(path: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Only one process at a time builds an installation; the others wait for it."""
    deadline = time.monotonic() + LOCK_DEADLINE
    told = False
    with path.open("w") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InstallError(f"another process has held {path} for {LOCK_DEADLINE:.0f} s") from None
                if not told:
                    progress("Another process is installing it; waiting …")
                    told = True
                time.sleep(0.2)
        yield
