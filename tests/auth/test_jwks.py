"""Keys that an issuer publishes: rotated, refused, unreachable; and what that means for who comes with a token."""

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, RSAAlgorithm
from real.gateway import target
from real.issuer import NAME, hangs, issuing, redirects, says
from real.machine import free_port
from real.wait import until
from real.wsclient import connect, greeted

from aribridge.auth import Authenticator, KeyFault, Pace
from aribridge.auth.fetch import MOST_BYTES
from aribridge.auth.jwks import MOST_KEYS, read_jwks
from aribridge.core.settings import AuthSettings, JwtSettings
from aribridge.obs.metrics import REGISTRY
from aribridge.protocol.problems import Problem

QUICK = Pace(least=0.1, most=0.2, usual=0.1, unknown=0.2, retry=0.05, patience=10.0)
SLOW = Pace(least=600.0, most=600.0, usual=600.0, unknown=0.5, retry=600.0, patience=10.0)


@pytest.fixture
async def issuer():
    async with issuing() as issuer:
        yield issuer


def section(issuer, **more):
    return JwtSettings("ES256", jwks_url=issuer.url, issuer=NAME, **more)


@asynccontextmanager
async def reading(*sections, pace):
    """An authenticator whose keys are kept fresh."""
    authenticator = Authenticator(AuthSettings(jwt=list(sections)), pace=pace)
    running = asyncio.create_task(authenticator.keys.run())
    try:
        yield authenticator
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def let_in(authenticator, token):
    """As a door does it that can wait."""
    await authenticator.learn(token)
    return authenticator.bearer(token).sub


def refusal(authenticator, token):
    with pytest.raises(Problem) as refused:
        authenticator.bearer(token)
    assert refused.value.code == "unauthorized"
    return refused.value


async def known(authenticator, token):
    """Until the token is let in by what is known."""

    def is_let_in():
        with suppress(Problem):
            return authenticator.bearer(token).sub == "alice"

    await until(is_let_in, what="the key is known")


async def test_a_key_that_is_published_before_its_first_token_is_known_by_then(issuer):
    async with reading(section(issuer), pace=QUICK) as authenticator:
        await known(authenticator, issuer.token())
        for _ in range(3):
            kid, asked = issuer.rotate(), issuer.asked
            await until(lambda asked=asked: issuer.asked >= asked + 2)
            assert authenticator.bearer(issuer.token(kid)).sub == "alice"
            assert authenticator.bearer(issuer.token("key-1")).sub == "alice"


async def test_who_comes_with_a_key_that_is_not_known_waits_for_it(issuer):
    async with reading(section(issuer), pace=SLOW) as authenticator:
        assert await let_in(authenticator, issuer.token()) == "alice"
        since = time.monotonic()
        issuer.rotate()
        await until(lambda: time.monotonic() > since + SLOW.unknown)  # after which a fetch is made at once
        assert await let_in(authenticator, issuer.token()) == "alice"
        assert issuer.asked == 2


async def test_a_key_that_is_published_no_more_signs_for_nobody(issuer):
    async with reading(section(issuer), pace=QUICK) as authenticator:
        old = issuer.token()
        await known(authenticator, old)
        issuer.rotate(keep=False)
        await until(lambda: not authenticator.keys.find("ES256", "key-1"))
        assert refusal(authenticator, old).retry == "after"


async def test_made_up_kids_do_not_have_the_issuer_asked_again_and_again(issuer):
    async with reading(section(issuer), pace=SLOW) as authenticator:
        await let_in(authenticator, issuer.token())
        asked = issuer.asked
        stranger = ec.generate_private_key(ec.SECP256R1())
        began = asyncio.get_running_loop().time()
        for number in range(300):
            issuer.keys[f"made-up-{number}"] = stranger
            token = issuer.token(f"made-up-{number}")
            await authenticator.learn(token)
            problem = refusal(authenticator, token)
            assert problem.retry == "after"
            assert 0 < problem.after_ms <= 1500
        spent = asyncio.get_running_loop().time() - began
        assert issuer.asked - asked <= 2 + spent / SLOW.unknown
        assert authenticator.bearer(issuer.token("key-1")).sub == "alice"


async def test_many_who_wait_have_the_issuer_asked_once(issuer):
    async with reading(section(issuer), pace=SLOW) as authenticator:
        await asyncio.gather(*(let_in(authenticator, issuer.token()) for _ in range(50)))
        assert issuer.asked == 1


OUT_OF_ORDER = {
    "an error": (says("no", status=500), "answers 500"),
    "a page": (says("<html>sign in</html>"), "not a JWK Set"),
    "a list": (says("[]"), "not a JWK Set"),
    "no keys": (says('{"keys": []}'), "no key for ES256"),
    "too many keys": (says(json.dumps({"keys": [{}] * (MOST_KEYS + 1)})), "at most"),
    "too much": (says("x" * (MOST_BYTES + 1)), f"more than {MOST_BYTES}"),
    "deeply nested": (says('{"keys":' + "[" * 100_000), "not a JWK Set"),
    "no text": (says('{"keys": [{"kid": "\\ud800"}]}'), "not a JWK Set"),
    "a redirect": (redirects, "redirects"),
}


@pytest.mark.parametrize(("answer", "reason"), OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
async def test_keys_stay_good_when_the_issuer_is_out_of_order(issuer, answer, reason):
    with structlog.testing.capture_logs() as logs:
        async with reading(section(issuer), pace=QUICK) as authenticator:
            await known(authenticator, issuer.token())
            issuer.answer = answer
            said = await until(lambda: [one for one in logs if one["event"] == "jwks.not_fetched"])
            assert reason in said[0]["reason"]
            assert said[0]["log_level"] == "warning"
            assert said[0]["keys_good_for"] > 86_000
            assert authenticator.bearer(issuer.token()).sub == "alice"
            issuer.answer = issuer.keys_published
            issuer.rotate()
            await known(authenticator, issuer.token())


async def test_fetches_that_fail_are_counted_and_leave_the_time_of_the_last_good_one(issuer):
    labels = {"url": issuer.url, "algorithm": "ES256"}

    def figure(name, **more):
        return REGISTRY.get_sample_value(f"aribridge_jwks_{name}", labels | more) or 0

    async with reading(section(issuer), pace=QUICK) as authenticator:
        assert figure("success_timestamp_seconds") == 0
        await known(authenticator, issuer.token())
        assert figure("fetches_total", result="failed") == 0
        issuer.answer = says("down", status=503)
        await until(lambda: figure("fetches_total", result="failed") >= 1)
        last = figure("success_timestamp_seconds")
        await until(lambda: figure("fetches_total", result="failed") >= 3)
        assert time.time() - 60 < figure("success_timestamp_seconds") == last
        issuer.answer = issuer.keys_published
        await until(lambda: figure("success_timestamp_seconds") > last)


async def test_keys_are_good_for_so_long_when_they_cannot_be_fetched(issuer):
    with structlog.testing.capture_logs() as logs:
        async with reading(section(issuer, jwks_keep_seconds=0.5), pace=QUICK) as authenticator:
            await known(authenticator, issuer.token())
            issuer.answer, before = says("down", status=503), len(logs)
            await until(lambda: any(one["event"] == "jwks.no_keys" for one in logs[before:]))
            assert refusal(authenticator, issuer.token()).retry == "after"
            issuer.answer = issuer.keys_published
            await known(authenticator, issuer.token())


async def test_an_issuer_that_hangs_holds_nobody_up_who_has_a_known_key(issuer):
    pace = Pace(least=0.1, most=0.1, usual=0.1, unknown=0.0, retry=0.1, patience=0.2)
    async with reading(section(issuer), pace=pace) as authenticator:
        await known(authenticator, issuer.token())
        issuer.answer, asked = hangs, issuer.asked
        await until(lambda: issuer.asked > asked)
        async with asyncio.timeout(30):
            await authenticator.learn(issuer.token())
            assert authenticator.bearer(issuer.token()).sub == "alice"
            issuer.rotate()
            await authenticator.learn(issuer.token())
            assert refusal(authenticator, issuer.token()).retry == "after"


async def test_an_issuer_that_cannot_be_reached_lets_nobody_in(issuer):
    elsewhere = JwtSettings("ES256", jwks_url=f"http://127.0.0.1:{free_port()}/keys")
    with structlog.testing.capture_logs() as logs:
        async with reading(elsewhere, pace=QUICK) as authenticator:
            await until(lambda: any("cannot be reached" in one.get("reason", "") for one in logs))
            assert refusal(authenticator, issuer.token()).retry == "after"


async def test_each_section_has_its_own_keys_issuer_and_audience(issuer):
    async with issuing() as other:
        theirs = JwtSettings("ES256", jwks_url=other.url, issuer="https://other.example", audience="aribridge")
        async with reading(section(issuer), theirs, pace=SLOW) as authenticator:
            assert await let_in(authenticator, issuer.token()) == "alice"
            token = other.token(iss="https://other.example", aud="aribridge")
            assert await let_in(authenticator, token) == "alice"
            for claims in ({}, {"iss": NAME, "aud": "aribridge"}, {"iss": "https://other.example"}):
                refusal(authenticator, other.token(**claims))


def jwk_of(key, kid, **fields):
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) else ECAlgorithm
    return json.loads(algorithm.to_jwk(key)) | {"kid": kid} | fields


EC = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
ODD_KEYS = {
    "for encryption": ("ES256", lambda: jwk_of(EC.public_key(), "k", use="enc"), "not for signatures"),
    "for signing alone": ("ES256", lambda: jwk_of(EC.public_key(), "k", key_ops=["sign"]), "not for signatures"),
    "a secret": ("ES256", lambda: json.loads(HMACAlgorithm.to_jwk("s" * 40)), "is a secret"),
    "a secret under the name of a curve": ("ES256", lambda: {"kty": "oct", "k": "c2VjcmV0", "alg": "ES256"}, "secret"),
    "a private key": ("ES256", lambda: jwk_of(EC, "k"), "is a secret"),
    "another algorithm": ("RS256", lambda: jwk_of(RSA.public_key(), "k", alg="RS512"), "another algorithm"),
    "another kind": ("RS256", lambda: jwk_of(EC.public_key(), "k"), "another kind"),
    "another curve": (
        "ES256",
        lambda: jwk_of(P384.public_key(), "k"),
        "another kind",
    ),
    "a small key": ("RS256", lambda: jwk_of(SMALL.public_key(), "k"), "1024 bits"),
    "a point that is not on the curve": ("ES256", lambda: jwk_of(EC.public_key(), "k", y="AAAA"), "cannot be read"),
    "no numbers": ("RS256", lambda: {"kty": "RSA", "n": 5, "e": []}, "cannot be read"),
    "nothing": ("ES256", dict, "cannot be read"),
}


@pytest.mark.parametrize(("algorithm", "make", "reason"), ODD_KEYS.values(), ids=ODD_KEYS)
def test_keys_of_a_set_that_are_not_taken(algorithm, make, reason):
    with pytest.raises(KeyFault, match=reason):
        read_jwks(algorithm, json.dumps({"keys": [make()]}).encode())


def test_keys_that_are_not_taken_do_not_spoil_the_set():
    odd = [make() for _, make, _ in ODD_KEYS.values()]
    found = read_jwks("ES256", json.dumps({"keys": [*odd, jwk_of(EC.public_key(), "good", alg="ES256")]}).encode())
    assert "good" in found.keys
    assert found.keys["good"] == EC.public_key()


def test_a_token_that_names_no_key_means_the_only_one(issuer_file):
    file, issuer = issuer_file
    authenticator = Authenticator(AuthSettings(jwt=[JwtSettings("ES256", jwks_file=str(file), issuer=NAME)]))
    assert authenticator.bearer(issuer.token(named=False)).sub == "alice"
    issuer.rotate()
    file.write_text(json.dumps({"keys": list(issuer.published.values())}))
    two = Authenticator(AuthSettings(jwt=[JwtSettings("ES256", jwks_file=str(file), issuer=NAME)]))
    assert refusal(two, issuer.token(named=False)).retry == "never"


# --- the whole gateway


@pytest.fixture
async def issuer_file(issuer, tmp_path):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": list(issuer.published.values())}))
    return file, issuer


async def statuses(gateway, token):
    """What doors answer to a token: native HTTP, a native WebSocket with the token in its header, Janus on both."""
    create = {"janus": "create", "transaction": "t", "token": token}
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{gateway.url}/v1/state", headers={"Authorization": f"Bearer {token}"}) as response:
            native = response.status
        async with http.post(f"{gateway.url}/janus", json=create) as response:
            posted = (await response.json())["janus"]
        async with http.ws_connect(f"{gateway.url}/janus", protocols=["janus-protocol"]) as socket:
            await socket.send_json(create)
            sent = (await socket.receive_json(timeout=30))["janus"]
    return native, posted, sent


async def test_doors_that_can_wait_let_in_at_once_and_the_others_say_when(asterisk22, gateways, issuer):
    jwt = [{"algorithm": "ES256", "jwks_url": issuer.url, "issuer": NAME}]
    gateway = await gateways.start(target(asterisk22), auth={"jwt": jwt})
    assert await statuses(gateway, issuer.token()) == (200, "success", "success")
    async with greeted(gateway.url, issuer.token()) as client:
        issuer.rotate(publish=False)
        async with connect(gateway.url) as other:
            hello = {"type": "hello", "token": issuer.token()}
            error = (await other.ask(**hello))["error"]
            assert (error["code"], error["retry"]) == ("unauthorized", "after")
            assert 0 < error["after_ms"] <= 6000
            issuer.publish()
            await asyncio.sleep(error["after_ms"] / 1000)  # what is tested: that this is how long it takes
            assert (await other.ask(**hello))["type"] == "welcome"
        assert (await client.request("GET", "/asterisk/ping"))["status"] == 200


async def aribridge(gateway, *arguments, text=""):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aribridge", *arguments, "-c", str(gateway.config)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(text.encode()), 90)
    return process.returncode, output.decode()


async def test_reload_reads_the_files_of_keys_anew(asterisk22, gateways, issuer_file):
    file, issuer = issuer_file
    jwt = [{"algorithm": "ES256", "jwks_file": str(file), "issuer": NAME}]
    gateway = await gateways.start(target(asterisk22), auth={"jwt": jwt})
    assert await statuses(gateway, issuer.token()) == (200, "success", "success")
    issuer.rotate(keep=False)
    assert await statuses(gateway, issuer.token()) == (401, "error", "error")
    file.write_text("{}")
    code, output = await aribridge(gateway, "reload")
    assert code != 0
    assert f"{file} is not a JWK Set" in output
    assert await statuses(gateway, issuer.token("key-1")) == (200, "success", "success")
    file.write_text(json.dumps({"keys": list(issuer.published.values())}))
    code, output = await aribridge(gateway, "reload")
    assert (code, str(file) in output) == (0, True), output
    assert await statuses(gateway, issuer.token()) == (200, "success", "success")
    assert await statuses(gateway, issuer.token("key-1")) == (401, "error", "error")


async def test_doctor_and_inspect_ask_the_issuer_and_check_does_not(asterisk22, gateways, issuer):
    jwt = [{"algorithm": "ES256", "jwks_url": issuer.url, "issuer": NAME}]
    gateway = await gateways.start(target(asterisk22), auth={"jwt": jwt})
    await until(lambda: issuer.asked)
    asked = issuer.asked
    assert (await aribridge(gateway, "check"))[0] == 0
    assert issuer.asked == asked
    code, output = await aribridge(gateway, "token", "inspect", text=issuer.token())
    assert (code, "valid, allows *" in output) == (0, True), output
    _, output = await aribridge(gateway, "doctor")
    assert f"keys {issuer.url}: 1 for ES256: key-1" in output
    assert "Set audience in this [[auth.jwt]]" in output
    issuer.answer = redirects
    code, output = await aribridge(gateway, "doctor")
    assert code == 1
    assert "it redirects to another address" in output
    assert "put that into jwks_url" in output
