"""Keys that an issuer publishes by https: whose certificate is trusted, and what is said where it is not."""

import asyncio
import json
import sys
import time

import aiohttp
import pytest
from real.certificates import make_pair
from real.gateway import target
from real.issuer import NAME, issuing
from real.wait import until


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A CA, and what it signed: for the issuer, and for another host."""
    folder = tmp_path_factory.mktemp("ca")
    ca = make_pair(folder, "ca")
    other = make_pair(folder, "other", ca=ca, names="DNS:other.example")
    return {"ca": ca, "issuer": make_pair(folder, "issuer", ca=ca), "other": other}


def section(issuer, **more):
    url = f"{issuer.url}?key=Zq9query"
    return {"jwt": [{"algorithm": "ES256", "jwks_url": url, "issuer": NAME, "audience": "aribridge", **more}]}


async def status(gateway, token):
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(f"{gateway.url}/v1/state") as response,
    ):
        return response.status


async def doctor(gateway):
    """What `aribridge doctor` says of the keys, and whether all is well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aribridge", "doctor", "--json", "-c", str(gateway.config)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 90)
    (found,) = [one for one in json.loads(output)["findings"] if one["what"].startswith("keys ")]
    return process.returncode, found


def figures(told, issuer):
    """The figures of the issuer's keys, by name and result."""
    fetches = {
        result: told.get(f'aribridge_jwks_fetches_total{{algorithm="ES256",result="{result}",url="{issuer.url}"}}', 0)
        for result in ("fetched", "failed")
    }
    return {**fetches, "at": told[f'aribridge_jwks_success_timestamp_seconds{{algorithm="ES256",url="{issuer.url}"}}']}


async def test_a_ca_of_ones_own_is_trusted_by_its_file(asterisk22, gateways, pairs, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(pairs["ca"].certificate))
    async with issuing(pairs["issuer"]) as issuer:
        gateway = await gateways.start(target(asterisk22), auth=section(issuer))
        assert await status(gateway, issuer.token(aud="aribridge")) == 200
        code, found = await doctor(gateway)
        assert (code, found["level"], found["text"]) == (0, "ok", "1 for ES256: key-1")
        told = figures(await gateway.metrics(), issuer)
        assert (told["fetched"], told["failed"]) == (1, 0)
        assert time.time() - 60 < told["at"] <= time.time()
        assert "Zq9query" not in (await gateway.admin("/metrics"))[1]


@pytest.mark.parametrize(
    ("trusted", "pair", "why", "remedy"),
    [
        (False, "issuer", "its certificate is not trusted (unable to get local issuer", "SSL_CERT_FILE"),
        (True, "other", "its certificate is not trusted (IP address mismatch", "a name that the certificate has"),
    ],
    ids=["a CA that nobody knows", "a certificate of another host"],
)
async def test_what_is_not_trusted_is_said_with_what_to_do(
    asterisk22, gateways, pairs, monkeypatch, trusted, pair, why, remedy
):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pairs["ca"].certificate))
    async with issuing(pairs[pair]) as issuer:
        gateway = await gateways.start(target(asterisk22), auth=section(issuer))
        said = await until(lambda: [one for one in map(json.loads, gateway.log) if one["event"] == "jwks.no_keys"])
        assert why in said[0]["reason"]
        assert remedy in said[0]["reason"]
        assert await status(gateway, issuer.token(aud="aribridge")) == 401
        code, found = await doctor(gateway)
        assert (code, found["level"]) == (1, "fail")
        assert why in found["text"]
        assert remedy in found["remedy"]
        told = figures(await gateway.metrics(), issuer)
        assert told["failed"] >= 1
        assert (told["fetched"], told["at"]) == (0, 0)
        assert issuer.asked == 0
