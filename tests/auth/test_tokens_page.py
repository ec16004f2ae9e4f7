"""What docs/tokens.md shows is run, block by block."""

import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from aribridge.auth import Authenticator
from aribridge.config import load

PAGE = (Path(__file__).parents[2] / "docs" / "tokens.md").read_text()


def blocks(language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL))


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_configurations_of_the_page_are_right(folder, text):
    for name in re.findall(r'token_file = "(.*)"', text):
        (folder / name).write_text("a token")
        (folder / name).chmod(0o600)
    (folder / "aribridge.toml").write_text(text)
    load(folder / "aribridge.toml", {}, {}, complete=False)


@pytest.fixture
def folder(tmp_path):
    """Keys and configuration as the page has them made."""
    for command in re.findall(r"^    (openssl .*)$", PAGE, re.MULTILINE):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "aribridge.toml").write_text(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    return tmp_path


@pytest.mark.parametrize(
    ("language", "command"),
    [("python", (sys.executable, "-c", "{}\nprint(token)")), ("js", ("node", "-e", "{}\nconsole.log(token)"))],
)
def test_keys_configuration_and_code_of_the_page_fit_together(folder, language, command):
    *program, code = command
    run = [*program, code.replace("{}", blocks(language))]
    token = subprocess.run(run, cwd=folder, check=True, capture_output=True, text=True).stdout
    assert_agent_alice(folder, token)


def test_the_code_in_php_fits_to_a_secret(folder):
    (folder / "signing.key").write_text(f"{secrets.token_urlsafe(48)}\n")
    (folder / "signing.key").chmod(0o600)
    (folder / "aribridge.toml").write_text('[[auth.jwt]]\nkey_file = "signing.key"\n')
    run = ["php", "-d", "display_errors=stderr", "-r", f"{blocks('php')}\necho $token;"]
    assert_agent_alice(folder, subprocess.run(run, cwd=folder, check=True, capture_output=True, text=True).stdout)


def assert_agent_alice(folder, token):
    alice = Authenticator(load(folder / "aribridge.toml", {}, {}, complete=False).auth).bearer(token.strip())
    assert (alice.sub, alice.roles, alice.endpoints) == ("alice", ("agent",), ("PJSIP/200",))
