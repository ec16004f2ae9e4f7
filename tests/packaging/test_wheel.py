"""The wheel carries all a user needs: installed in an empty environment outside the checkout, it works."""

import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

import aiohttp
import pytest
from real.dev import dev_run
from real.machine import ROOT

pytestmark = pytest.mark.timeout(600)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    ran = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=500, check=False)
    assert ran.returncode == 0, f"{command} exited {ran.returncode}:\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    return next(folder.glob("aribridge-*.whl"))


@pytest.fixture(scope="module")
def aribridge(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-warn-script-location", wheel)
    return folder / "bin/aribridge"


@pytest.fixture
def folder():
    # Not tmp_path: the control socket of Asterisk needs a short one.
    with tempfile.TemporaryDirectory(prefix="aribridge-") as name:
        yield Path(name)


def test_it_carries_console_client_scripts_and_examples(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "aribridge/py.typed",
        "aribridge/web/aribridge.js",
        "aribridge/web/aribridge.d.ts",
        "aribridge/web/console/index.html",
        "aribridge/_data/lua/main.lua",
        "aribridge/_data/conf/aribridge.toml",
        "aribridge/_data/conf/asterisk/extensions.conf",
    ):
        assert wanted in names
    assert any(re.fullmatch(r"aribridge-[\d.]+\.dist-info/licenses/LICENSE", name) for name in names)


def test_it_carries_no_tests_and_no_leftovers(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if re.search(r"__pycache__|node_modules|(^|/)tests/|\.pyc$", name)]


def test_init_then_check(aribridge: Path, folder: Path) -> None:
    printed = run(aribridge, "init", cwd=folder)
    assert "Stasis(aribridge)" in printed
    assert (folder / "aribridge.toml").exists()
    secret = [path for path in folder.rglob("*") if "password" in path.name]
    assert [path.stat().st_mode & 0o777 for path in secret] == [0o600]
    run(aribridge, "check", cwd=folder)


async def test_run_dev_serves_the_console_and_the_client(aribridge: Path, folder: Path) -> None:
    async with dev_run(folder, str(aribridge), "run", "--dev") as dev, aiohttp.ClientSession() as http:
        assert dev.link.startswith(dev.url)
        async with http.get(dev.url + "/") as response:
            page = await response.text()
            assert response.status == 200
        for reference in re.findall(r'(?:src|href)="(/?[^":]+\.(?:js|css|svg))"', page):
            async with http.get(f"{dev.url}/{reference.lstrip('/')}") as response:
                assert response.status == 200, reference
        async with http.get(dev.url + "/aribridge.js") as response:
            assert response.content_type.endswith("/javascript")
            assert "connect" in await response.text()
        assert await dev.interrupt() == 0
        assert not dev.left


def test_version(aribridge: Path) -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert version[1] in run(aribridge, "--version")
