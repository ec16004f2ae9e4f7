"""TLS on the listener: a certificate that is renewed without a restart, and clear words for one that is of no use."""

import asyncio
import hashlib
import os
import signal
import ssl

import aiohttp
import pytest
from real.certificates import Pair, make_pair
from real.gateway import target
from real.wait import until
from real.wsclient import Client

from aribridge.config import ConfigError, load


@pytest.fixture
def pairs(tmp_path):
    return make_pair(tmp_path, "first"), make_pair(tmp_path, "second")


@pytest.fixture
def files(tmp_path, pairs):
    """Where the gateway looks, as certbot's links are."""
    certificate, key = tmp_path / "live.crt", tmp_path / "live.key"
    install(pairs[0], certificate, key)
    return certificate, key


def install(pair, certificate, key):
    link(pair.certificate, certificate)
    link(pair.key, key)


def link(source, place):
    place.with_suffix(".new").symlink_to(source)
    place.with_suffix(".new").replace(place)


async def presented(gateway) -> str:
    """The fingerprint of the certificate that a new client sees."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port, ssl=context)
    try:
        return hashlib.sha256(writer.get_extra_info("ssl_object").getpeercert(binary_form=True)).hexdigest()
    finally:
        writer.close()


def fingerprint(pair) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())).hexdigest()


def complaints(gateway) -> list[str]:
    return [line for line in gateway.log if "scripts.kept" in line]


async def test_a_certificate_is_renewed_under_open_connections(gateways, asterisk22, pairs, files):
    certificate, key = files
    server = {"tls_certificate": str(certificate), "tls_key": str(key)}
    gateway = await gateways.start(target(asterisk22), server=server)
    trust = ssl.create_default_context(cafile=str(pairs[0].certificate))
    url = f"https://127.0.0.1:{gateway.port}"
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http,
        http.ws_connect(f"{url}/v1/ws", protocols=["aribridge.v1"]) as socket,
    ):
        client = Client(socket)
        assert (await client.ask(type="hello", token=gateway.token()))["type"] == "welcome"
        assert (await client.ask(type="request", op="asterisk.ping"))["status"] == 200
        assert await presented(gateway) == fingerprint(pairs[0])
        async with http.get(f"{url}/aribridge.js") as response:
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"

        link(pairs[1].certificate, certificate)  # half of a renewal: no pair
        os.kill(gateway.pid, signal.SIGHUP)
        await until(lambda: complaints(gateway), what="the log says that the pair does not fit")
        assert "is not the key of" in complaints(gateway)[0]
        assert await presented(gateway) == fingerprint(pairs[0])

        install(pairs[1], certificate, key)
        os.kill(gateway.pid, signal.SIGHUP)
        await until(lambda: shows(gateway, pairs[1]), what="new clients see the new certificate")
        assert (await client.ask(type="request", op="asterisk.ping"))["status"] == 200


async def test_a_certificate_is_renewed_with_a_key_of_another_kind(gateways, asterisk22, tmp_path, pairs, files):
    """Browsers would rather have the one with the elliptic curve: the old one must not be left."""
    certificate, key = files
    gateway = await gateways.start(
        target(asterisk22), server={"tls_certificate": str(certificate), "tls_key": str(key)}
    )
    install(make_pair(tmp_path, "rsa", kind=["rsa:2048"]), certificate, key)
    os.kill(gateway.pid, signal.SIGHUP)
    await until(lambda: [line for line in gateway.log if "scripts.reloaded" in line], what="it is in force")
    assert await presented(gateway) == fingerprint(Pair(certificate, key))


async def shows(gateway, pair) -> bool:
    return await presented(gateway) == fingerprint(pair)


@pytest.mark.parametrize(
    ("mischief", "said"),
    [
        (lambda certificate, key, other: key.unlink(), "No such file"),
        (lambda certificate, key, other: key.write_text("no key"), "holds no private key in PEM"),
        (lambda certificate, key, other: key.write_bytes(certificate.read_bytes()), "holds no private key in PEM"),
        (lambda certificate, key, other: key.write_bytes(other.key.read_bytes()), "is not the key of"),
        (lambda certificate, key, other: key.chmod(0o644), "chmod 600"),
    ],
)
def test_a_pair_of_no_use_is_told_before_the_start(tmp_path, mischief, said):
    pair, other = make_pair(tmp_path, "one"), make_pair(tmp_path, "other")
    mischief(*pair, other)
    config = tmp_path / "aribridge.toml"
    config.write_text(f'[server]\ntls_certificate = "{pair.certificate}"\ntls_key = "{pair.key}"\n')
    with pytest.raises(ConfigError, match=said):
        load(config, {}, {}, complete=False)


def test_a_certificate_needs_a_key(tmp_path):
    with pytest.raises(ConfigError, match="tls_key: is missing"):
        load(None, {}, {"server.tls_certificate": f'"{make_pair(tmp_path, "one").certificate}"'}, complete=False)
