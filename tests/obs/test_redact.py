"""No secret reaches the log, by whatever way it comes."""

import json
import string

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aribridge.auth.janus import sign
from aribridge.obs.redact import HIDDEN, redact, redact_text

# Begin with what no surrounding text has.
SECRETS = st.text(string.ascii_letters + string.digits + "_-.~+/=:", min_size=12, max_size=40).map("Zq9{}".format)
NAMES = [
    "token",
    "Token",
    "access_token",
    "password",
    "apisecret",
    "api_key",
    "secret",
    "client-secret",
    "Authorization",
]
JWT = jwt.encode({"sub": "alice"}, "k" * 32, "HS256")
JANUS = sign(b"secret", "1893456000,janus,janus.plugin.echotest")


@given(st.sampled_from(NAMES), SECRETS | st.integers(10**9), st.booleans())
def test_what_stands_under_a_telling_key(name, secret, nested):
    event = {"event": "x", "request": {"headers": [{name: secret}]}} if nested else {name: secret}
    assert str(secret) not in str(redact(event))


@given(st.sampled_from(NAMES[:-1]), SECRETS.filter(lambda text: "=" not in text), st.sampled_from(["?", "&", "#", " "]))
def test_a_value_in_a_query_or_a_form(name, secret, before):
    assert secret not in redact_text(f"GET https://a.example/janus{before}{name}={secret}&maxev=5 failed")


@given(st.sampled_from(["Bearer", "bearer", "Basic", "Digest"]), SECRETS)
def test_an_authorization_header(scheme, secret):
    assert secret not in redact_text(f"Authorization: {scheme} {secret}\r\nHost: a")
    assert secret not in redact_text(f"it said {scheme} {secret}")


@given(st.sampled_from(NAMES), st.text(min_size=8).map("Zq9{}".format))
@example("token", 'with "quotes" and \\ in it')
def test_json_and_python_literals(name, secret):
    for text in (json.dumps({name: secret, "b": 1}), repr({name: secret})):
        quoted = json.dumps(secret)[1:-1] if text.startswith('{"') else repr(secret)[1:-1]
        assert quoted not in redact_text(f"bad frame {text}")


@given(st.text(string.ascii_lowercase, max_size=8), SECRETS.filter(lambda text: not {"/", "@"} & set(text)))
def test_a_password_in_a_url(user, secret):
    assert secret not in redact_text(f"cannot reach http://{user}:{secret}@pbx:8088/ari/events")


@pytest.mark.parametrize("name", ["sig", "X-Amz-Signature", "signature"])
def test_the_signature_of_a_signed_url(name):
    text = redact_text(f"media=sound:https://store.example/a.wav?Expires=3600&{name}=Zq9abc%2F&x=design=1")
    assert text == f"media=sound:https://store.example/a.wav?Expires=3600&{name}=[redacted]&x=design=1"


@pytest.mark.parametrize("secret", ["4711", "-4711", "4711.25e3"])
@pytest.mark.parametrize("after", ["", "}", ", 'mailbox': '200'}"])
def test_a_number_that_is_a_secret(secret, after):
    """The PIN of a mailbox, for one."""
    for text in (f'{{"password": {secret}{after}', f"{{'api_key':{secret}{after}"):
        assert redact_text(text) == text.replace(secret, HIDDEN)


@given(st.text(string.ascii_letters, min_size=1, max_size=8), SECRETS.filter(lambda text: not set("/:@") & set(text)))
@example("Bob", "pa$$word,with&all=+the.(rest)!*'~%41")
def test_a_password_in_a_sip_uri(user, secret):
    for scheme in ("sip", "sips", "SIP"):
        assert secret not in redact_text(f"PJSIP/200/{scheme}:{user}:{secret}@pbx.example;transport=tls")


@pytest.mark.parametrize("token", [JWT, JANUS, JWT.rpartition(".")[0]])
@pytest.mark.parametrize("around", ["{}", "refused {} here", "[{}]", "'{}'", "x={}", "{},"])
def test_tokens_are_known_by_their_shape(token, around):
    assert token not in redact_text(around.format(token))
    assert token.split(":")[-1].split(".")[-1] not in redact_text(around.format(token))


@given(st.text(string.ascii_letters + string.digits + " /:.,-_[](){}<>&%", max_size=200))
def test_other_text_is_left_alone(text):
    if not any(word in text.lower() for word in ("bearer", "basic", "digest", "eyj", "janus")):
        assert redact_text(text) == text


def test_other_values_are_left_alone():
    event = {"status": 200, "up": True, "error": None, "seconds": 0.5, "channels": ["1724.7"], "url": "http://pbx/ari"}
    assert redact(event) == event


def test_anything_can_be_logged():
    deep: list = []
    for _ in range(1000):
        deep = [deep]
    assert redact({"a": deep, 1: b"token=abcdefgh", "e": ValueError("password=hunter2"), "s": {"x"}}) == {
        "a": [[[[[[["…"]]]]]]],
        "1": "token=[redacted]",
        "e": "password=[redacted]",
        "s": ["x"],
    }


HOSTILE = [
    *("token", "eyJ", "eyJ-", '"token":"', "token-", "://", "1", "1,janus", "\\", "Basic ", "token: ", "://a:"),
    *("sip:", "sip:a:"),
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.timeout(5)
def test_no_text_makes_the_search_slow(piece):
    assert len(redact_text(piece * (100_000 // len(piece)))) < 40_000
