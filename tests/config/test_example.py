"""The example configuration and the generated reference, and what any value in them is read as."""

import contextlib
import copy
import string
import tomllib
from pathlib import Path

import pytest
from config_parts import write
from hypothesis import given
from hypothesis import strategies as st

from aribridge.config import ConfigError, load, write_example
from aribridge.core.settings import AsteriskSettings, JwtSettings, Settings


def test_the_example_has_every_default_behind_a_number_sign():
    written = write_example(Settings())
    assert tomllib.loads(written) == {
        "server": {}, "webrtc": {}, "auth": {"claims": {}, "janus": {}}, "janus": {}, "scripts": {}, "stream": {},
        "limits": {}, "log": {}, "audit": {},
    }  # fmt: skip
    uncommented = "".join(f"{line.removeprefix('#')}\n" for line in written.splitlines() if not line.startswith("# "))
    with pytest.raises(ConfigError) as error:
        load_text(uncommented)
    # The only faults: what has no default.
    assert sorted(problem.key for problem in error.value.problems) == [
        "asterisk.password_file", "asterisk.url", "auth.janus.tokens.name", "auth.janus.tokens.token_file",
        "auth.jwt.key_file", "janus.lua.script",
    ]  # fmt: skip


def load_text(text: str) -> Settings:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        return load(write(Path(name), text), {}, {})


def test_the_example_with_values_is_read_back(folder):
    settings = Settings(
        asterisk=[AsteriskSettings(name="a", url="http://pbx/ari", password_file="password")],
        auth=copy.deepcopy(Settings().auth),
    )
    settings.auth.jwt = [JwtSettings(key_file="jwt.key", issuer='quo"te\\ \n ü')]
    settings.webrtc.ice_servers = [{"urls": ["turn:t"], "username": "u", "credential": "c"}]
    settings.server.console = True
    read = load(write(folder, write_example(settings)), {}, {})
    assert read.auth.jwt[0].issuer == settings.auth.jwt[0].issuer
    assert read.webrtc.ice_servers == settings.webrtc.ice_servers
    assert read.server.console
    assert read.asterisk[0].name == "a"


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_survives_the_example(text):
    settings = Settings()
    settings.auth.jwt = [JwtSettings(issuer=text)]
    assert tomllib.loads(write_example(settings))["auth"]["jwt"][0].get("issuer", "") == text


@given(
    st.recursive(
        st.integers() | st.text() | st.booleans() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=6,
    )
    | st.integers(min_value=10**308),
    st.sampled_from(
        ["server.listen", "limits.frame", "auth.leeway", "asterisk", "webrtc.ice_servers", "log.level", "auth.jwt", "x"]
    ),
)
def test_any_value_anywhere_is_read_or_told(value, key):
    from aribridge.config.bind import bind

    table: dict = {}
    node = table
    *path, last = key.split(".")
    for name in path:
        node = node.setdefault(name, {})
    node[last] = value
    told: list = []
    assert isinstance(bind(table, lambda path, text: told.append((path, text))), Settings)


@given(st.dictionaries(st.text(string.ascii_uppercase + "_0123456789", max_size=20), st.text(max_size=10), max_size=4))
def test_any_environment_is_read_or_told(names):
    with contextlib.suppress(ConfigError):
        load(None, {f"ARIBRIDGE_{name}": value for name, value in names.items()}, {}, complete=False)


@pytest.mark.parametrize(("path", "kind"), [("conf/aribridge.toml", "example"), ("docs/configuration.md", "reference")])
def test_generated_files_are_up_to_date(path, kind):
    from aribridge.config.reference import write_reference

    generated = {"example": write_example(Settings()), "reference": write_reference()}[kind]
    assert (Path(__file__).parents[2] / path).read_text() == generated, (
        f"run `.venv/bin/python -m aribridge.config {kind} > {path}`"
    )
