"""A private apt: downloads packages of any Debian suite into a folder and leaves the machine's own apt alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from aribridge.asterisk.installation import InstallError

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
# Suites that left the mirrors are kept by archive.debian.org under the same signatures.
LAST_MIRRORS = ("http://deb.debian.org/debian", "http://archive.debian.org/debian")
UPDATE_DEADLINE = 180.0
DOWNLOAD_DEADLINE = 900.0
UNPACK_DEADLINE = 120.0

# The machine's apt.conf is read before this file, so its proxy is honoured; what would act on the machine
# (hooks after an update, a pinned release) or loosen the signature check is taken back here.
CONF = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
Dir::State "{folder}/state";
Dir::State::lists "{folder}/state/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Cache::archives "{folder}/archives";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
Dir::Log "{folder}/log";
APT::Architecture "amd64";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::Retries "2";
Debug::NoLocking "true";
"""


class PrivateApt:
    """apt-get with its whole state in `folder`, reading one Debian suite whose signature it checks."""

    def __init__(self, folder: Path) -> None:
        for name in ("state/lists/partial", "cache", "archives/partial", "log"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        # An empty status file: to this apt nothing is installed, so it fetches the C library too.
        (folder / "status").touch()
        (folder / "apt.conf").write_text(CONF.format(folder=folder))
        self._folder = folder

    def update(self, codename: str) -> str:
        """Read the suite's index from the first mirror that serves it, signed by Debian; return that mirror."""
        keyring = next((path for path in KEYRINGS if path.exists()), None)
        if keyring is None:
            raise InstallError(f"Debian's keyring is missing ({KEYRINGS[0]}): apt-get install debian-archive-keyring")
        failures = []
        for mirror in dict.fromkeys((*configured_mirrors(), *LAST_MIRRORS)):
            source = f"deb [arch=amd64 target=Packages lang=none signed-by={keyring}] {mirror} {codename} main\n"
            (self._folder / "sources.list").write_text(source)
            try:
                # `Error-Mode=any`: without it apt-get succeeds although the index could not be fetched.
                self._apt_get("-o", "APT::Update::Error-Mode=any", "update", deadline=UPDATE_DEADLINE)
            except InstallError as error:
                failures.append(f"{mirror}: {error}")
            else:
                return mirror
        raise InstallError(f"no mirror serves Debian {codename}: " + "; ".join(failures))

    def download(self, *packages: str) -> list[Path]:
        """Fetch the packages and all they depend on; the paths of the `.deb` files."""
        self._apt_get("--yes", "--download-only", "install", *packages, deadline=DOWNLOAD_DEADLINE)
        return sorted((self._folder / "archives").glob("*.deb"))

    def _apt_get(self, *arguments: str, deadline: float) -> None:
        run(["apt-get", "-q", "-c", str(self._folder / "apt.conf"), *arguments], deadline)


def configured_mirrors() -> list[str]:
    """Debian mirrors in the machine's own apt sources, one-line and deb822 alike, as apt itself reads them.

    Going by their usual name (`…/debian`) is enough: a wrong guess fails the signature check and the next is tried.
    """
    printed = run(["apt-get", "-o", "Debug::NoLocking=1", "--print-uris", "update"], UPDATE_DEADLINE)
    mirrors = re.findall(r"^'(https?://\S+?)/dists/\S+InRelease'", printed, re.MULTILINE)
    return [mirror for mirror in mirrors if urlsplit(mirror).path.rstrip("/").endswith("/debian")]


def unpack(package: Path, root: Path) -> None:
    """Unpack one `.deb` below `root`; none of its scripts is run."""
    run(["dpkg-deb", "-x", str(package), str(root)], UNPACK_DEADLINE)


def package_versions(packages: list[Path]) -> dict[str, str]:
    """Name and version of each `.deb`, from the packages themselves."""
    shown = (
        run(["dpkg-deb", "-W", "--showformat=${Package} ${Version}", str(path)], UNPACK_DEADLINE) for path in packages
    )
    return dict(line.split(maxsplit=1) for line in shown)


def run(command: list[str], deadline: float) -> str:
    """Run a program to its end and return what it printed; its last lines are in the error when it fails."""
    program = shutil.which(command[0])
    if program is None:
        raise InstallError(f"there is no {command[0]} on this machine")
    try:
        ran = subprocess.run(  # noqa: S603 (the command is ours)
            [program, *command[1:]],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline,
            check=False,
            env=os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"{command[0]} did not end within {deadline:.0f} s") from error
    if ran.returncode:
        tail = " ".join((ran.stderr or ran.stdout).split())[-400:]
        raise InstallError(f"{command[0]} failed: {tail}")
    return ran.stdout
