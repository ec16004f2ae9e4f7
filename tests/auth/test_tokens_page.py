"""What docs/tokens.md shows is run, block by block."""

import re
import subprocess
import sys
from pathlib import Path

from aribridge.auth import Authenticator
from aribridge.config import load

PAGE = (Path(__file__).parents[2] / "docs" / "tokens.md").read_text()


def blocks(language: str) -> str:
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL))


def test_keys_configuration_and_code_of_the_page_fit_together(tmp_path):
    for command in re.findall(r"^    (openssl .*)$", PAGE, re.MULTILINE):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "aribridge.toml").write_text(blocks("toml"))
    code = blocks("python") + "\nprint(token)"
    token = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    alice = Authenticator(load(tmp_path / "aribridge.toml", {}, {}, complete=False).auth).bearer(token.strip())
    assert alice.sub == "alice"
    assert (alice.roles, alice.endpoints) == (("agent",), ("PJSIP/200",))
