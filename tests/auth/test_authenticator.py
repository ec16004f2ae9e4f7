"""Every way in, and who gets in by it."""

import base64
import dataclasses
import hashlib
import hmac
import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from aribridge.auth import Authenticator, KeyFault, Revocations, mint
from aribridge.auth.janus import sign
from aribridge.core.settings import AuthSettings, ClaimSettings, JanusAuthSettings, JanusTokenSettings, JwtSettings
from aribridge.protocol.problems import Problem

SECRET = b"0123456789abcdef0123456789abcdef-hs256"
OTHER_SECRET = b"another-secret-another-secret-another"
JANUS_SECRET = b"janus-token-secret"
API_SECRET = "janus-api-secret"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
OTHER_ED_KEY = ed25519.Ed25519PrivateKey.generate()
NOW = int(time.time())
"""When the tests were collected: they may run much later, so what is to be valid is so for two hours."""
ECHO = "janus.plugin.echotest"
LEEWAY = 30


def public_pem(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def auth_settings(tmp_path_factory) -> AuthSettings:
    folder = tmp_path_factory.mktemp("keys")

    def key(name: str, content: bytes) -> str:
        (folder / name).write_bytes(content)
        return str(folder / name)

    return AuthSettings(
        jwt=[
            JwtSettings("HS256", key("hs", SECRET + b"\n")),
            JwtSettings("RS256", key("rs", public_pem(RSA_KEY)), audience="aribridge", issuer="https://id.example"),
            JwtSettings("EdDSA", key("ed", public_pem(ED_KEY)), issuer="https://app.example"),
            JwtSettings("ES256", key("es", public_pem(EC_KEY))),
            JwtSettings("EdDSA", key("ed2", public_pem(OTHER_ED_KEY))),
        ],
        leeway=LEEWAY,
        janus=JanusAuthSettings(
            api_secret_file=key("api", API_SECRET.encode()),
            token_secret_file=key("token", JANUS_SECRET),
            ops=["channels.*"],
        ),
    )


@pytest.fixture(scope="module")
def authenticator(auth_settings) -> Authenticator:
    return Authenticator(auth_settings)


def token(key=SECRET, algorithm="HS256", headers=None, **claims) -> str:
    """A token for alice; a claim given as None is left out."""
    body = {"sub": "alice", "exp": NOW + 7200} | claims
    return jwt.encode({name: value for name, value in body.items() if value is not None}, key, algorithm, headers)


def forged(header: dict, claims: dict, key: bytes | None) -> str:
    """A token made by hand, since a good library refuses to make it."""

    def part(content: dict) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")

    text = part(header) + b"." + part(claims)
    signature = hmac.digest(key, text, hashlib.sha256) if key else b""
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def deep_header() -> str:
    return base64.urlsafe_b64encode(b"[" * 5000).decode() + ".e30.AAAA"


def exchanged(signed: str, other: str) -> str:
    header, _, signature = signed.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


def not_an_object() -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=")
    text = header + b"." + base64.urlsafe_b64encode(b"[]").rstrip(b"=")
    return (text + b"." + base64.urlsafe_b64encode(hmac.digest(SECRET, text, "sha256")).rstrip(b"=")).decode()


def janus_token(expiry: int | str = NOW + 7200, realm: str = "janus", plugins=(ECHO,), secret=JANUS_SECRET) -> str:
    return sign(secret, ",".join([str(expiry), realm, *plugins]))


ALICE = {"sub": "alice", "exp": NOW + 7200}
RS = {"key": RSA_KEY, "algorithm": "RS256", "aud": "aribridge", "iss": "https://id.example"}
ED = {"key": ED_KEY, "algorithm": "EdDSA", "iss": "https://app.example"}

ACCEPTED = {
    "HS256": token,
    "RS256": lambda: token(**RS),
    "RS256, one of several audiences": lambda: token(**RS | {"aud": ["x", "aribridge"]}),
    "EdDSA": lambda: token(**ED),
    "ES256": lambda: token(EC_KEY, "ES256"),
    "EdDSA by the second key": lambda: token(OTHER_ED_KEY, "EdDSA"),
    "expired within the leeway": lambda: token(exp=int(time.time()) - LEEWAY // 2),
    "nbf within the leeway": lambda: token(nbf=int(time.time()) + LEEWAY // 2),
    "claims that the gateway does not know": lambda: token(color="blue", nested={"a": [1]}),
}

REFUSED = {
    "nothing": (lambda: "", "not a JSON Web Token"),
    "garbage": (lambda: "garbage", "not a JSON Web Token"),
    "dots": (lambda: "..", "not a JSON Web Token"),
    "not ASCII": (lambda: token() + "é", "ASCII"),
    "lone surrogate": (lambda: "\ud800.a.b", "ASCII"),
    "too long": (lambda: token(pad="x" * 9000), "at most"),
    "header nested a thousand deep": (deep_header, "not a JSON Web Token"),
    "alg none, unsigned": (lambda: forged({"alg": "none"}, ALICE, None), "algorithm"),
    "alg None, unsigned": (lambda: forged({"alg": "None"}, ALICE, None), "algorithm"),
    "alg none, signed": (lambda: forged({"alg": "none"}, ALICE, SECRET), "algorithm"),
    "alg a list": (lambda: forged({"alg": ["HS256"]}, ALICE, SECRET), "algorithm"),
    "alg missing": (lambda: forged({"typ": "JWT"}, ALICE, SECRET), "algorithm"),
    "HS256, unsigned": (lambda: forged({"alg": "HS256"}, ALICE, None), "not signed"),
    "HS512 with the right secret": (lambda: token(SECRET * 2, "HS512"), "algorithm"),
    "ES256 by another key": (lambda: token(ec.generate_private_key(ec.SECP256R1()), "ES256"), "not signed"),
    "ES384": (lambda: token(ec.generate_private_key(ec.SECP384R1()), "ES384"), "algorithm"),
    "ES256 public key as an HS256 secret": (lambda: forged({"alg": "HS256"}, ALICE, public_pem(EC_KEY)), "not signed"),
    "another secret": (lambda: token(OTHER_SECRET), "not signed"),
    "RS256 public key as an HS256 secret": (
        lambda: forged({"alg": "HS256"}, ALICE, public_pem(RSA_KEY)),
        "not signed",
    ),
    "EdDSA public key as an HS256 secret": (
        lambda: forged({"alg": "HS256"}, ALICE, public_pem(ED_KEY)),
        "not signed",
    ),
    "HS256 signature under an RS256 header": (lambda: forged({"alg": "RS256"}, ALICE, SECRET), "not signed"),
    "RS256 by another key": (
        lambda: token(**RS | {"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)}),
        "not signed",
    ),
    "key brought along in the header": (
        lambda: token(OTHER_SECRET, headers={"jwk": {"kty": "oct", "k": "x"}, "jku": "https://evil.example"}),
        "not signed",
    ),
    "last character of the signature gone": (lambda: token()[:-1], ""),
    "signature gone": (lambda: token().rpartition(".")[0], "not a JSON Web Token"),
    "claims exchanged": (lambda: exchanged(token(), token(sub="mallory")), "not signed"),
    "expired": (lambda: token(exp=NOW - 60), "expired"),
    "no exp": (lambda: token(exp=None), "lacks the exp claim"),
    "exp not a number": (lambda: token(exp="soon"), "malformed"),
    "exp infinite": (lambda: token(exp=float("inf")), ""),
    "not yet valid": (lambda: token(nbf=NOW + 3600), "not valid yet"),
    "issued in the future": (lambda: token(iat=NOW + 3600), "not valid yet"),
    "RS256 for another audience": (lambda: token(**RS | {"aud": "billing"}), "audience"),
    "RS256 without an audience": (lambda: token(**RS | {"aud": None}), "lacks the aud claim"),
    "audience where none is expected": (lambda: token(aud="billing"), "audience"),
    "another issuer": (lambda: token(**ED | {"iss": "https://evil.example"}), "issuer"),
    "no issuer": (lambda: token(**ED | {"iss": None}), ""),
    "no sub": (lambda: token(sub=None), "lacks the sub claim"),
    "sub a number": (lambda: token(sub=7), ""),
    "sub empty": (lambda: token(sub=""), "$.sub"),
    "sub too long": (lambda: token(sub="a" * 257), "$.sub"),
    "roles not a list": (lambda: token(roles="admin"), "$.roles"),
    "ops not texts": (lambda: token(ops=[1]), "$.ops"),
    "too many ops": (lambda: token(ops=["a"] * 257), "$.ops"),
    "tenant an object": (lambda: token(tenant={}), "$.tenant"),
    "claims not an object": (not_an_object, "malformed"),
    "a signed Janus token": (janus_token, "not a JSON Web Token"),
}


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED)
def test_lets_in(authenticator, make):
    assert authenticator.bearer(make()).sub == "alice"


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
def test_refuses(authenticator, make, reason):
    credentials = make()
    with pytest.raises(Problem) as refused:
        authenticator.bearer(credentials)
    assert refused.value.code == "unauthorized"
    assert reason in refused.value.detail
    assert not any(len(part) > 8 and part in refused.value.detail for part in credentials.split("."))


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - {"a signed Janus token"}))
def test_refuses_the_same_in_the_token_field_of_janus(authenticator, name):
    credentials = REFUSED[name][0]()
    with pytest.raises(Problem) as refused:
        authenticator.janus(None, credentials, ECHO)
    assert refused.value.code == "unauthorized"


def test_reads_what_a_token_grants(authenticator):
    before = int(time.time())
    minted = mint(
        SECRET, "bob", seconds=60, tenant="acme", roles=["agent"], endpoints=["PJSIP/200"], ops=["channels.*"]
    )
    bob = authenticator.bearer(minted)
    assert (bob.sub, bob.tenant, bob.roles, bob.endpoints) == ("bob", "acme", ("agent",), ("PJSIP/200",))
    assert bob.may("channels.hangup")
    assert not bob.may("bridges.create")
    assert before + 60 + LEEWAY <= bob.expires <= time.time() + 60 + LEEWAY, "the leeway is the token's, too"


def test_a_token_without_ops_allows_nothing(authenticator):
    assert not authenticator.bearer(token()).may("asterisk.getInfo")


def test_mints_for_audience_and_issuer(authenticator):
    minted = mint(RSA_KEY, "bob", seconds=60, algorithm="RS256", audience="aribridge", issuer="https://id.example")
    assert authenticator.bearer(minted).sub == "bob"


JANUS_REFUSED = {
    "nothing": (None, None, "unauthorized"),
    "empty": ("", "", "unauthorized"),
    "wrong secret": ("guess", None, "unauthorized"),
    "start of the secret": (API_SECRET[:-1], None, "unauthorized"),
    "secret with more behind": (API_SECRET + "x", None, "unauthorized"),
    "lone surrogate as the secret": ("\ud800", None, "unauthorized"),
    "secret in the token field": (None, API_SECRET, "unauthorized"),
    "expired": (None, janus_token(NOW - 60), "unauthorized"),
    "expiry not a number": (None, janus_token("never"), "unauthorized"),
    "expiry negative": (None, janus_token(-1), "unauthorized"),
    "expiry of a million digits": (None, janus_token("9" * 1000), "unauthorized"),
    "another realm": (None, janus_token(realm=ECHO), "unauthorized"),
    "another secret": (None, janus_token(secret=b"guess"), "unauthorized"),
    "no signature": (None, janus_token().partition(":")[0] + ":", "unauthorized"),
    "last character gone": (None, janus_token()[:-1], "unauthorized"),
    "more behind": (None, janus_token() + ":", "unauthorized"),
    "a plugin added": (None, janus_token().replace(":", ",janus.plugin.lua:"), "unauthorized"),
    "no realm": (None, sign(JANUS_SECRET, str(NOW + 7200)), "unauthorized"),
    "only a colon": (None, ":", "unauthorized"),
    "signed empty text": (None, sign(JANUS_SECRET, ""), "unauthorized"),
    "not ASCII": (None, "é:é", "unauthorized"),
    "too long": (None, janus_token(plugins=["x" * 5000]), "unauthorized"),
    "for another plugin": (None, janus_token(plugins=["janus.plugin.lua"]), "forbidden"),
    "for no plugin": (None, janus_token(plugins=[]), "forbidden"),
    "wrong secret, token for another plugin": ("guess", janus_token(plugins=["a"]), "forbidden"),
}


@pytest.mark.parametrize(("apisecret", "credentials", "code"), JANUS_REFUSED.values(), ids=JANUS_REFUSED)
def test_refuses_janus_credentials(authenticator, apisecret, credentials, code):
    with pytest.raises(Problem) as refused:
        authenticator.janus(apisecret, credentials, ECHO)
    assert refused.value.code == code
    assert not credentials or len(credentials) < 3 or credentials not in refused.value.detail


@pytest.mark.parametrize(
    ("apisecret", "credentials", "sub"),
    [
        (API_SECRET, None, "janus"),
        (API_SECRET, "garbage", "janus"),
        (API_SECRET, janus_token(plugins=["janus.plugin.lua"]), "janus"),
        (None, token(), "alice"),
        ("guess", token(), "alice"),
        (API_SECRET, token(), "alice"),
    ],
    ids=["secret", "secret and garbage", "secret and another's token", "token", "wrong secret and token", "both"],
)
def test_lets_in_by_janus_credentials(authenticator, apisecret, credentials, sub):
    assert authenticator.janus(apisecret, credentials, ECHO).sub == sub


def test_a_signed_token_is_the_same_subject_every_time_and_another_one_is_another(authenticator):
    one, other = janus_token(NOW + 7200), janus_token(NOW + 7201)
    first = authenticator.janus(None, one, ECHO)
    assert first.sub.startswith("janus:")
    assert first.sub == authenticator.janus(None, one).sub
    assert first.sub != authenticator.janus(None, other).sub
    assert first.expires == NOW + 7200 + LEEWAY


def test_a_signed_token_needs_the_plugin_only_to_attach(authenticator):
    assert authenticator.janus(None, janus_token(plugins=[])).sub.startswith("janus:")


def test_janus_credentials_allow_what_the_configuration_grants(authenticator):
    for principal in (authenticator.janus(API_SECRET, None), authenticator.janus(None, janus_token())):
        assert principal.may("channels.hangup")
        assert not principal.may("bridges.create")


@pytest.mark.parametrize(
    ("apisecret", "credentials"),
    [(None, None), ("", ""), ("x", None), (None, sign(b"", f"{NOW + 7200},janus"))],
    ids=["nothing", "empty", "a secret", "signed with nothing"],
)
def test_nothing_configured_lets_nobody_in(apisecret, credentials):
    nobody = Authenticator(AuthSettings())
    with pytest.raises(Problem):
        nobody.janus(apisecret, credentials)
    with pytest.raises(Problem):
        nobody.bearer(token())


def test_janus_credentials_can_have_a_role(tmp_path):
    (tmp_path / "api").write_text(API_SECRET)
    janus = JanusAuthSettings(api_secret_file=str(tmp_path / "api"), roles=["viewer"])
    principal = Authenticator(AuthSettings(janus=janus)).janus(API_SECRET, None)
    assert (principal.roles, principal.ops) == (("viewer",), ())


STORED = "a-token-that-both-sides-know"


@pytest.fixture
def with_stored_tokens(tmp_path, auth_settings):
    (tmp_path / "board").write_text(f"{STORED}\n")
    (tmp_path / "any").write_text("9999999999,janus,x:not-signed")
    stored = [
        JanusTokenSettings("board", str(tmp_path / "board"), plugins=[ECHO], roles=["viewer"]),
        JanusTokenSettings("any", str(tmp_path / "any"), ops=["channels.*"]),
    ]
    return dataclasses.replace(auth_settings, janus=dataclasses.replace(auth_settings.janus, tokens=stored))


def test_stored_tokens_are_subjects_with_roles_of_their_own(with_stored_tokens):
    authenticator = Authenticator(with_stored_tokens)
    board = authenticator.janus(None, STORED, ECHO)
    assert (board.sub, board.roles, board.ops, board.expires) == ("janus:board", ("viewer",), (), None)
    anywhere = authenticator.janus("guess", "9999999999,janus,x:not-signed", "janus.plugin.lua")
    assert (anywhere.sub, anywhere.roles, anywhere.ops) == ("janus:any", (), ("channels.*",))
    assert authenticator.janus(API_SECRET, STORED, "janus.plugin.lua").sub == "janus"
    assert authenticator.janus(None, token()).sub == "alice"
    assert authenticator.janus(None, janus_token(), ECHO).sub.startswith("janus:")


@pytest.mark.parametrize("text", [STORED[:-1], f"{STORED} ", STORED.upper(), f"{STORED}\n", f"{STORED}\ud800"])
def test_what_is_nearly_a_stored_token_is_none(with_stored_tokens, text):
    with pytest.raises(Problem) as refused:
        Authenticator(with_stored_tokens).janus(None, text, ECHO)
    assert refused.value.code == "unauthorized"


def test_a_stored_token_is_for_its_plugins_and_the_janus_api_alone(with_stored_tokens, tmp_path):
    authenticator = Authenticator(with_stored_tokens)
    with pytest.raises(Problem) as refused:
        authenticator.janus(None, STORED, "janus.plugin.lua")
    assert refused.value.code == "forbidden"
    with pytest.raises(Problem, match="not a JSON Web Token"):
        authenticator.bearer(STORED)
    revocations = Revocations(tmp_path)
    revocations.revoke(subject="janus:board", seconds=60)
    with pytest.raises(Problem, match="was revoked"):
        Authenticator(with_stored_tokens, revocations.covers).janus(None, STORED, ECHO)


def test_claims_may_have_other_names(auth_settings):
    names = ClaimSettings("email", "https://x/tenant", "realm_access.roles", ops="")
    authenticator = Authenticator(dataclasses.replace(auth_settings, claims=names))
    claims = {"email": "a@b.c", "https://x/tenant": "acme", "realm_access": {"roles": ["agent"]}, "ops": ["*"]}
    alice = authenticator.bearer(token(sub=None, **claims))
    assert (alice.sub, alice.tenant, alice.roles, alice.ops) == ("a@b.c", "acme", ("agent",), ())
    with pytest.raises(Problem, match="lacks the email claim"):
        authenticator.bearer(token())


REVOKED = {
    "by its jti": ({"token": "t1"}, {"jti": "t1"}, False),
    "another jti": ({"token": "t1"}, {"jti": "t2"}, True),
    "by the subject, issued before": ({"subject": "alice"}, {"iat": NOW - 60}, False),
    "by the subject, no iat": ({"subject": "alice"}, {}, False),
    "another subject": ({"subject": "bob"}, {}, True),
}


@pytest.mark.parametrize(("what", "claims", "allowed"), REVOKED.values(), ids=REVOKED)
def test_what_was_revoked_stays_out_after_a_restart(auth_settings, tmp_path, what, claims, allowed):
    Revocations(tmp_path).revoke(**what, seconds=600)
    authenticator = Authenticator(auth_settings, Revocations(tmp_path).covers)
    made = token(**claims)
    for door in (authenticator.bearer, lambda credentials: authenticator.janus(None, credentials, ECHO)):
        if allowed:
            assert door(made).sub == "alice"
        else:
            with pytest.raises(Problem, match="was revoked") as refused:
                door(made)
            assert refused.value.code == "unauthorized"


@pytest.mark.parametrize(("seconds", "allowed"), [(-1, False), (9, False), (11, True)])
def test_a_token_is_newer_than_a_revocation_by_more_than_clocks_may_differ(
    auth_settings, tmp_path, monkeypatch, seconds, allowed
):
    revocations = Revocations(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: NOW - 60.0)
        revocations.revoke(subject="alice", seconds=600)
    authenticator = Authenticator(dataclasses.replace(auth_settings, leeway=10.0), revocations.covers)
    made = token(iat=NOW - 60 + seconds)
    if allowed:
        assert authenticator.bearer(made).sub == "alice"
    else:
        with pytest.raises(Problem, match="was revoked"):
            authenticator.bearer(made)


def test_janus_credentials_can_be_revoked(auth_settings, tmp_path):
    revocations = Revocations(tmp_path)
    authenticator = Authenticator(auth_settings, revocations.covers)
    signed = janus_token()
    revocations.revoke(subject=authenticator.janus(None, signed).sub, seconds=60)
    revocations.revoke(subject="janus", seconds=60)
    for credentials in ((API_SECRET, None), (None, signed)):
        with pytest.raises(Problem, match="was revoked"):
            authenticator.janus(*credentials)


def test_a_revocation_ends_with_its_time(tmp_path):
    revocations = Revocations(tmp_path)
    revocations.revoke(token="old", seconds=1e-9)
    revocations.revoke(token="new", seconds=60)
    assert "old" not in (tmp_path / "revoked.json").read_text()


def test_a_list_of_revocations_that_cannot_be_read_lets_nobody_guess(tmp_path):
    (tmp_path / "revoked.json").write_text("[]")
    with pytest.raises(ValueError, match=r"revoked\.json"):
        Revocations(tmp_path)


KEY_FAULTS = {
    "short secret": ("HS256", b"short", "32 bytes"),
    "empty secret": ("HS256", b"", "32 bytes"),
    "public key as a secret": ("HS256", public_pem(RSA_KEY), "PEM"),
    "no PEM": ("RS256", SECRET, "PEM"),
    "private key": ("RS256", private_pem(RSA_KEY), "private key"),
    "a key of another curve": ("ES256", public_pem(ec.generate_private_key(ec.SECP384R1())), "another kind"),
    "EdDSA key for RS256": ("RS256", public_pem(ED_KEY), "another kind"),
    "RS256 key for EdDSA": ("EdDSA", public_pem(RSA_KEY), "another kind"),
    "small RSA key": (
        "RS256",
        public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        "1024 bits",
    ),
}


@pytest.mark.parametrize(("algorithm", "content", "text"), KEY_FAULTS.values(), ids=KEY_FAULTS)
def test_refuses_keys_that_cannot_be_trusted(tmp_path: Path, algorithm, content, text):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(KeyFault, match=text):
        Authenticator(AuthSettings(jwt=[JwtSettings(algorithm, str(tmp_path / "key"))]))


@given(st.text(max_size=200))
def test_any_text_is_refused_cleanly(authenticator, text):
    with pytest.raises(Problem):
        authenticator.bearer(text)
    with pytest.raises(Problem):
        authenticator.janus(text, text, text)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_a_token_with_any_byte_changed_is_refused(authenticator, noise, at):
    good = token()
    at %= len(good)
    changed = good[:at] + base64.urlsafe_b64encode(noise).decode() + good[at + 1 :]
    try:
        principal = authenticator.bearer(changed)
    except Problem:
        return
    # The last character of a signature carries bits that no byte uses.
    assert at == len(good) - 1
    assert principal.sub == "alice"
