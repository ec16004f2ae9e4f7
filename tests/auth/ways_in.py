"""Ways to try to get in without being let in: what is wrong with each, and where it puts its credentials."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from aribridge.auth.janus import sign

SECRET = b"the secret of the table of ways in, for HS256"
OTHER_SECRET = b"a secret that the gateway has never heard of"
API_SECRET = "the apisecret of the table"
TOKEN_SECRET = b"the secret of signed tokens"
STORED = "a-stored-token"
DISMISSED = "a-stored-token-that-was-revoked"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
ED_KEY_FOR_ENCRYPTION = ed25519.Ed25519PrivateKey.generate()
SET = {kid: ed25519.Ed25519PrivateKey.generate() for kid in ("spring", "autumn")}
"""Keys of a JWK Set, for EdDSA."""
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER = "https://id.example"
REVOKED_TOKEN, REVOKED_SUBJECT = "stolen", "dismissed"
ECHO = "janus.plugin.echotest"
HOUR = 3600


@dataclass(frozen=True)
class Credentials:
    """What is put where: headers and query of HTTP, fields of a message."""

    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    token: str | None = None
    apisecret: str | None = None

    @property
    def fields(self):
        return {name: value for name in ("token", "apisecret") if (value := getattr(self, name)) is not None}

    @property
    def is_text(self):
        """Whether there is a token that JSON can hold."""
        return self.token is not None and self.token.encode(errors="ignore").decode() == self.token


def bearer(token):
    """The token wherever one is read: in the header, where it can stand in one, and in messages."""
    fits = token.isprintable() and len(token) < 8000
    return Credentials(headers=(("Authorization", f"Bearer {token}"),) if fits else (), token=token)


def header(*values, name="Authorization"):
    return Credentials(headers=tuple((name, value) for value in values))


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_der(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def good(key=SECRET, algorithm="HS256", headers=None, **claims):
    """A token for alice that opens every door, but for what is said otherwise; a claim given as None is left out."""
    body = {"sub": "alice", "ops": ["*"], "exp": time.time() + HOUR} | claims
    return jwt.encode({name: value for name, value in body.items() if value is not None}, key, algorithm, headers)


def signed(expiry=None, realm="janus", plugins=(ECHO,), secret=TOKEN_SECRET):
    """A signed token of Janus's."""
    return sign(secret, ",".join([str(int(time.time()) + HOUR if expiry is None else expiry), realm, *plugins]))


def forged(head, key=None, claims=None):
    """A token made by hand, as no library makes it; ``claims`` are good ones unless given."""
    claims = {"sub": "alice", "ops": ["*"], "exp": int(time.time()) + HOUR} if claims is None else claims
    text = ".".join(_part(json.dumps(content).encode()) for content in (head, claims))
    signature = b"" if key is None else hmac.digest(key, text.encode(), hashlib.sha256)
    return f"{text}.{_part(signature)}"


def ways(trap):
    """All of them by name; ``trap`` is a URL that the gateway must never fetch."""
    tokens = {**_broken(), **_signatures(), **_of_a_set(), **_brought_along(trap), **_claims(), **_janus_tokens()}
    return {**{name: bearer(token) for name, token in tokens.items()}, **_places(), **_secrets()}


def _part(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _broken():
    token = good()
    head, claims, signature = token.split(".")
    encrypted = _part(b'{"alg":"dir","enc":"A256GCM"}')
    return {
        "empty": "",
        "blank": " ",
        "garbage": "garbage",
        "null": "null",
        "two dots": "..",
        "a colon": ":",
        "not ASCII": f"{token}é",
        "a lone surrogate": f"{token}\ud800",
        "a zero byte behind": f"{token}\0",
        "a line break behind": f"{token}\n",
        "larger than a token may be": good(pad="x" * 9000),
        "the word Bearer in the token": f"Bearer {token}",
        "cut in the header": token[:10],
        "cut in the claims": token[: len(head) + 10],
        "cut in the signature": token[:-6],
        "last byte of the signature gone": token[:-2],
        "signature emptied": f"{head}.{claims}.",
        "signature and its dot gone": f"{head}.{claims}",
        "claims emptied": f"{head}..{signature}",
        "claims of another token": ".".join([head, good(sub="admin").split(".")[1], signature]),
        "header of another token": ".".join([good(headers={"kid": "1"}).split(".")[0], claims, signature]),
        "five parts, as an encrypted one has": f"{encrypted}..{head}.{claims}.{signature}",
        "two tokens in one": f"{token}.{token}",
        "JSON serialization": json.dumps({"payload": claims, "protected": head, "signature": signature}),
    }


def _signatures():
    return {
        "alg none, unsigned": forged({"alg": "none"}),
        "alg NONE, unsigned": forged({"alg": "NONE"}),
        "alg none, signed": forged({"alg": "none"}, SECRET),
        "alg empty": forged({"alg": ""}, SECRET),
        "alg a list": forged({"alg": ["HS256"]}, SECRET),
        "alg missing": forged({"typ": "JWT"}, SECRET),
        "HS256, unsigned": forged({"alg": "HS256"}),
        "HS256 by another secret": good(OTHER_SECRET),
        "HS256 by the empty secret": forged({"alg": "HS256"}, b""),
        "HS512 by the right secret": good(SECRET * 2, "HS512"),
        "HS256 by the public RSA key": forged({"alg": "HS256"}, public_pem(RSA_KEY)),
        "HS256 by the public RSA key, without its line break": forged({"alg": "HS256"}, public_pem(RSA_KEY).strip()),
        "HS256 by the public RSA key in DER": forged({"alg": "HS256"}, public_der(RSA_KEY)),
        "HS256 by the public EC key": forged({"alg": "HS256"}, public_pem(EC_KEY)),
        "HS256 by the public Ed25519 key": forged({"alg": "HS256"}, public_pem(ED_KEY)),
        "HS256 signature under an RS256 header": forged({"alg": "RS256"}, SECRET),
        "HS256 signature under an ES256 header": forged({"alg": "ES256"}, SECRET),
        "RS256 by another key": good(OTHER_RSA_KEY, "RS256", iss=ISSUER, aud="aribridge"),
        "RS512 by the right key": good(RSA_KEY, "RS512", iss=ISSUER, aud="aribridge"),
        "PS256 by the right key": good(RSA_KEY, "PS256", iss=ISSUER, aud="aribridge"),
        "ES256 by another key": good(ec.generate_private_key(ec.SECP256R1()), "ES256"),
        "ES256 of zeros": forged({"alg": "ES256"})[:-1] + "." + _part(bytes(64)),
        "EdDSA by another key": good(ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    }


def jwk_set():
    """The public keys of the set, as an issuer publishes them; with one that is for encryption."""
    jwks = {kid: json.loads(OKPAlgorithm.to_jwk(key.public_key())) | {"kid": kid} for kid, key in SET.items()}
    encryption = json.loads(OKPAlgorithm.to_jwk(ED_KEY_FOR_ENCRYPTION.public_key())) | {"kid": "enc", "use": "enc"}
    return json.dumps({"keys": [*jwks.values(), encryption]})


def _of_a_set():
    spring, autumn = SET.values()
    return {
        "a kid that the set does not have": good(spring, "EdDSA", {"kid": "winter"}),
        "no kid where the set has several": good(spring, "EdDSA"),
        "an empty kid": good(spring, "EdDSA", {"kid": ""}),
        "the kid of another key of the set": good(spring, "EdDSA", {"kid": "autumn"}),
        "a kid of the set, by another key": good(ed25519.Ed25519PrivateKey.generate(), "EdDSA", {"kid": "spring"}),
        "a kid of the set, by another algorithm": good(RSA_KEY, "RS256", {"kid": "spring"}, aud="aribridge"),
        "a key of the set as the secret of HS256": forged({"alg": "HS256", "kid": "autumn"}, public_pem(autumn)),
        "the key of the set that is for encryption": good(ED_KEY_FOR_ENCRYPTION, "EdDSA", {"kid": "enc"}),
    }


def _brought_along(trap):
    """Keys that come with the token, or where to find them; and headers that change what is signed."""
    jwk = json.loads(RSAAlgorithm.to_jwk(OTHER_RSA_KEY.public_key()))
    own = {"iss": ISSUER, "aud": "aribridge"}
    headers = {
        "a key in the header (jwk)": {"jwk": jwk},
        "a URL of keys in the header (jku)": {"jku": f"{trap}/jwks.json"},
        "a URL of a certificate in the header (x5u)": {"x5u": f"{trap}/cert.pem"},
        "a certificate in the header (x5c)": {"x5c": [base64.b64encode(public_der(OTHER_RSA_KEY)).decode()]},
        "a URL as the kid": {"kid": f"{trap}/jwks.json"},
    }
    return {
        **{name: good(OTHER_RSA_KEY, "RS256", head, **own) for name, head in headers.items()},
        "a symmetric key in the header (jwk)": forged(
            {"alg": "HS256", "jwk": {"kty": "oct", "k": _part(OTHER_SECRET)}}, OTHER_SECRET
        ),
        "a file as the kid": forged({"alg": "HS256", "kid": "../../../../dev/null"}, b""),
        "a query as the kid": forged({"alg": "HS256", "kid": "x' UNION SELECT 'key"}, b"key"),
        "a kid that is no text": forged({"alg": "HS256", "kid": {"$ne": None}}, SECRET),
        "a critical header nobody knows (crit)": forged({"alg": "HS256", "crit": ["exp"], "exp": 1}, SECRET),
        "claims that are not encoded (b64)": forged({"alg": "HS256", "crit": ["b64"], "b64": False}, SECRET),
    }


def _claims():
    now = time.time()
    rs = {"key": RSA_KEY, "algorithm": "RS256", "iss": ISSUER, "aud": "aribridge"}
    return {
        "expired": good(exp=now - HOUR),
        "no exp": good(exp=None),
        "exp a text": good(exp="tomorrow"),
        "exp a list": forged({"alg": "HS256"}, SECRET, {"sub": "alice", "exp": [now + HOUR]}),
        "exp without an end": good(exp=float("inf")),
        "exp not a number": good(exp=float("nan")),
        "not valid yet": good(nbf=now + HOUR),
        "nbf a text": good(nbf="soon"),
        "issued in the future": good(iat=now + HOUR),
        "for another audience": good(**rs | {"aud": "billing"}),
        "for no audience where one is required": good(**rs | {"aud": None}),
        "for an audience where none is expected": good(aud="aribridge"),
        "by another issuer": good(**rs | {"iss": "https://evil.example"}),
        "by no issuer where one is required": good(**rs | {"iss": None}),
        "by an issuer whose name goes on": good(**rs | {"iss": f"{ISSUER}.evil.example"}),
        "no sub": good(sub=None),
        "sub empty": good(sub=""),
        "sub a number": forged({"alg": "HS256"}, SECRET, {"sub": 7, "exp": now + HOUR}),
        "sub an object": forged({"alg": "HS256"}, SECRET, {"sub": {"name": "alice"}, "exp": now + HOUR}),
        "sub too long": good(sub="a" * 257),
        "roles a text": good(roles="admin"),
        "tenant an object": good(tenant={}),
        "claims that are a list": forged({"alg": "HS256"}, SECRET, ["alice"]),
        "revoked by its jti": good(jti=REVOKED_TOKEN),
        "revoked by its subject": good(sub=REVOKED_SUBJECT, iat=now - 60),
        "revoked by its subject, without iat": good(sub=REVOKED_SUBJECT),
    }


def _janus_tokens():
    return {
        "signed token, expired": signed(int(time.time()) - HOUR),
        "signed token of another realm": signed(realm="janus.plugin.videoroom"),
        "signed token of no realm": sign(TOKEN_SECRET, str(int(time.time()) + HOUR)),
        "signed token by another secret": signed(secret=b"guess"),
        "signed token by the apisecret": signed(secret=API_SECRET.encode()),
        "signed token, unsigned": signed().partition(":")[0] + ":",
        "signed token, cut": signed()[:-4],
        "signed token with a plugin added": signed().replace(":", ",aribridge.plugin.ari:"),
        "signed token with a later expiry": "9" + signed(),
        "signed token, expiry a word": signed("never"),
        "signed token, expiry negative": signed(-1),
        "signed token, expiry of 13 digits": signed("9" * 13),
        "signed token, expiry of a thousand digits": signed("9" * 1000),
        "signed token, expiry in other digits": signed("٢٠٠٠٠٠٠٠٠٠"),
        "signed token larger than one may be": signed(plugins=["x" * 5000]),
    }


def _places():
    """Credentials that are good, and not where they are read; with each, nothing else."""
    token = good()
    basic = base64.b64encode(f"alice:{token}".encode()).decode()
    return {
        "nothing": Credentials(),
        "in the query": Credentials(query=(("token", token), ("access_token", token), ("apisecret", API_SECRET))),
        "Basic with the token as the password": header(f"Basic {basic}"),
        "Basic with the token": header(f"Basic {token}"),
        "the scheme Token": header(f"Token {token}"),
        "the scheme alone": header("Bearer"),
        "the scheme and a blank": header("Bearer "),
        "the token alone": header(token),
        "a tab behind the scheme": header(f"Bearer\t{token}"),
        "two tokens in one header": header(f"Bearer {token}, Bearer {token}"),
        "something behind the token": header(f"Bearer {token} x"),
        "two headers, the first good": header(f"Bearer {token}", "Bearer garbage"),
        "two headers, the second good": header("Bearer garbage", f"Bearer {token}"),
        "two headers, both good": header(f"Bearer {token}", f"Bearer {token}"),
        "Proxy-Authorization": header(f"Bearer {token}", name="Proxy-Authorization"),
        "X-Authorization": header(f"Bearer {token}", name="X-Authorization"),
        "a cookie": header(f"token={token}; access_token={token}; Authorization=Bearer {token}", name="Cookie"),
        "the name of a user that a proxy vouches for": header("alice", name="X-Forwarded-User"),
        "an address of this machine that a proxy vouches for": header("127.0.0.1", name="X-Forwarded-For"),
    }


def _secrets():
    return {
        "wrong apisecret": Credentials(apisecret="guess"),
        "empty apisecret": Credentials(apisecret=""),
        "apisecret, cut": Credentials(apisecret=API_SECRET[:-1]),
        "apisecret with more behind": Credentials(apisecret=f"{API_SECRET} "),
        "apisecret a lone surrogate": Credentials(apisecret="\ud800"),
        "apisecret in the token's place": bearer(API_SECRET),
        "apisecret in Basic": header(f"Basic {base64.b64encode(f'janus:{API_SECRET}'.encode()).decode()}"),
        "apisecret in a header": header(API_SECRET, name="X-Apisecret"),
        "token in the apisecret's place": Credentials(apisecret=good()),
        "secret of signed tokens as the apisecret": Credentials(apisecret=TOKEN_SECRET.decode()),
        "secret of HS256 as the token": bearer(SECRET.decode()),
        "stored token, cut": bearer(STORED[:-1]),
        "stored token with more behind": bearer(f"{STORED} "),
        "stored token, revoked": bearer(DISMISSED),
        "stored token as the apisecret": Credentials(apisecret=STORED),
        "stored token in the query": Credentials(query=(("token", STORED),)),
        "the name of a stored token": bearer("board"),
    }
