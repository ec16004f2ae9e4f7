"""What is refused of secrets and keys, and where they come from."""

import re

import pytest
from config_parts import GOOD, PASSWORD, faults, write

from aribridge.config import ConfigError, load

KEY_SOURCES = {
    "none": ("", "key_file: is missing"),
    "two": ('jwks_url = "https://id.example.com/keys"\nkey_file = "jwt.key"', "too many beside key_file"),
    "a secret from an issuer": ('jwks_url = "https://id.example.com/keys"', "HS256 has one secret"),
    "in the clear": ('algorithm = "ES256"\njwks_url = "http://id.example.com/keys"', "http on this machine alone"),
    "with credentials": ('algorithm = "ES256"\njwks_url = "https://a:b@id.example.com/keys"', "expected a URL"),
    "a file": ('algorithm = "ES256"\njwks_url = "file:///etc/passwd"', "expected a URL"),
    "no file": ('algorithm = "ES256"\njwks_file = "gone.json"', "gone.json: No such file"),
    "no set": ('algorithm = "ES256"\njwks_file = "jwt.key"', "jwt.key is not a JWK Set"),
}

STORED_TOKENS = {
    "nameless": ('token_file = "jwt.key"', "expected a name of its own"),
    "two of a name": ('name = "a"\ntoken_file = "jwt.key"\n' * 2, "expected a name of its own"),
    "no file": ('name = "a"', "token_file: is missing"),
    "an empty file": ('name = "a"\ntoken_file = "empty"', "empty is empty"),
}


def test_secrets_that_everybody_can_read(folder):
    (folder / "password").chmod(0o644)
    (folder / "jwt.key").chmod(0o604)
    told = faults(folder, GOOD)
    assert [line.split(":")[1] for line in told] == ["3", "5"]
    assert all("chmod 600" in line for line in told)


def test_a_password_in_a_file_that_everybody_can_read(folder):
    path = write(folder, GOOD.replace('password_file = "password"', f'password = "{PASSWORD}"'))
    assert load(path, {}, {}).asterisk[0].password == PASSWORD
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600") as error:
        load(path, {}, {})
    assert PASSWORD not in str(error.value)


def test_group_readable_secrets_are_for_services(folder):
    (folder / "password").chmod(0o640)
    load(write(folder, GOOD), {}, {})


@pytest.mark.parametrize(
    ("content", "algorithm", "fault"),
    [("short", "HS256", "shorter than 32"), ("k" * 40, "RS256", "not a public key"), ("", "HS256", "empty")],
)
def test_keys_that_cannot_be_used(folder, content, algorithm, fault):
    (folder / "jwt.key").write_text(content)
    assert fault in faults(folder, GOOD + f'algorithm = "{algorithm}"\n')[0]


@pytest.mark.parametrize(("text", "fault"), KEY_SOURCES.values(), ids=KEY_SOURCES)
def test_where_keys_come_from(folder, text, fault):
    told = faults(folder, GOOD.replace('key_file = "jwt.key"', text))
    assert len(told) == 1
    assert fault in told[0]


@pytest.mark.parametrize(("text", "fault"), STORED_TOKENS.values(), ids=STORED_TOKENS)
def test_stored_tokens_of_janus(folder, text, fault):
    (folder / "empty").touch(mode=0o600)
    sections = "".join(f"[[auth.janus.tokens]]\n{part}\n" for part in re.split(r"\n(?=name)", text))
    told = faults(folder, GOOD + sections)
    assert len(told) == 1
    assert fault in told[0]


@pytest.mark.parametrize("url", ["https://id.example.com/keys", "http://127.0.0.1:8080/keys", "http://[::1]/keys"])
def test_keys_are_fetched_by_https_or_from_this_machine(folder, url):
    text = GOOD.replace('key_file = "jwt.key"', f'algorithm = "ES256"\njwks_url = "{url}"')
    assert load(write(folder, text), {}, {}).auth.jwt[0].jwks_url == url
