"""An https target: TLS ends in front of a real Asterisk, or in it, with a certificate of its own CA."""

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from ari_lab import FaultyProxy, running_link, settings_of, until_lanes
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from real.asterisk import fresh_asterisk
from real.certificates import make_pair
from real.machine import free_port
from real.wait import until

from aribridge.asterisk.instance import PrivateAsterisk
from aribridge.core.command import Command


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pbx")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "pbx.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def test_a_ca_that_openssl_makes_is_trusted_with_every_python(
    asterisk22: PrivateAsterisk, tmp_path: Path
) -> None:
    """Python 3.13 by itself asks for more than such a CA has, or one of Asterisk's ast_tls_cert."""
    ca = make_pair(tmp_path, "ca")
    pair = make_pair(tmp_path, "pbx", ca=ca)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    async with (
        FaultyProxy(asterisk22.ari_url, tls=context) as proxy,
        running_link(settings_of(asterisk22, url=proxy.url, ca_file=str(ca.certificate))) as (link, _),
    ):
        assert (await link.call(link.resolve("GET", "/asterisk/ping", None, None))).status == 200


async def test_a_trusted_certificate_lets_the_link_up(asterisk22: PrivateAsterisk, certificate: Path) -> None:
    async with (
        FaultyProxy(asterisk22.ari_url, tls=server_side(certificate)) as proxy,
        running_link(settings_of(asterisk22, url=proxy.url, ca_file=str(certificate))) as (link, _),
    ):
        assert proxy.url.startswith("https://")
        assert (await link.call(link.resolve("GET", "/asterisk/ping", None, None))).status == 200


async def test_another_certificate_is_refused_with_the_setting_to_change(
    asterisk22: PrivateAsterisk, certificate: Path
) -> None:
    async with (
        FaultyProxy(asterisk22.ari_url, tls=server_side(certificate)) as proxy,
        running_link(settings_of(asterisk22, url=proxy.url), wait=False) as (link, _),
    ):
        await until(lambda: "not trusted (self-signed certificate): set ca_file" in link.reason, what="the reason")
        assert proxy.requests == 0


async def test_a_certificate_of_another_host_is_told_as_that(asterisk22: PrivateAsterisk, certificate: Path) -> None:
    async with FaultyProxy(asterisk22.ari_url, tls=server_side(certificate)) as proxy:
        settings = settings_of(asterisk22, url=proxy.url.replace("127.0.0.1", "localhost"), ca_file=str(certificate))
        async with running_link(settings, wait=False) as (link, _):
            await until(lambda: "url needs a name that the certificate has" in link.reason, what="the reason")


async def test_asterisks_own_https_takes_many_commands_at_once(certificate: Path) -> None:
    """It sees the first message of what it has decrypted, and the others when more comes."""
    port = free_port()
    async with fresh_asterisk("22") as asterisk:
        with (asterisk.folder / "etc" / "http.conf").open("a") as conf:
            conf.write(f"tlsenable = yes\ntlsbindaddr = 127.0.0.1:{port}\ntlscertfile = {certificate}\n")
        await asterisk.cli("module reload http")
        settings = settings_of(asterisk, url=f"https://127.0.0.1:{port}/ari", ca_file=str(certificate))
        async with running_link(settings) as (link, sink):
            await until_lanes(link)
            wanted = [f"e{number}" for number in range(200)]
            tell = [
                Command(link.name, "events.userEvent", {"eventName": name, "application": link.app}) for name in wanted
            ]
            answers = await asyncio.gather(*(link.call(command) for command in tell))
            assert {answer.status for answer in answers} == {204}
            for name in wanted:
                await sink.wait_for(lambda told, name=name: told.get("eventname") == name)
