"""`aribridge doctor` names cause and remedy: each fault is made at a real Asterisk, a real port, a real folder."""

import asyncio
import json
import secrets
import shlex
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from real.asterisk import fresh_asterisk
from real.certificates import make_pair
from real.gateway import Gateway, target
from real.machine import UNPRIVILEGED, free_port
from real.wait import until

from aribridge.cli.doctor import _gateway
from aribridge.cli.probes import ari_conf, certificate, machine
from aribridge.cli.probes.asterisk import MOST_APART, _ahead, _clock
from aribridge.config import certificate_fault
from aribridge.core.settings import AsteriskSettings, ServerSettings, Settings

PIPE = asyncio.subprocess.PIPE
NO_UDP = """PATH=$PATH:/usr/sbin:/sbin; ip link set lo up &&
nft 'table inet t { chain in { type filter hook input priority 0; meta l4proto udp drop; }; }'"""


async def aribridge(*arguments):
    """Run the command line: exit code and standard output."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "aribridge", *arguments, stdout=PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, output.decode()


def found_in(output):
    """What was found, as (level, what, text and remedy)."""
    findings = json.loads(output)["findings"]
    return [(one["level"], one["what"], f"{one['text']} | {one['remedy']}") for one in findings]


class Doctor:
    """Looks at one configuration of a gateway that need not run."""

    def __init__(self, folder):
        self.folder = folder

    def gateway(self, *asterisks, **settings):
        return Gateway(self.folder, {"asterisk": list(asterisks), **settings})

    async def findings(self, gateway, *flags):
        """The exit code, and what was found, as (level, what, text and remedy)."""
        code, output = await aribridge("doctor", "--json", "-c", str(gateway.config), *flags)
        assert json.loads(output)["ok"] == (code == 0)
        return code, found_in(output)

    async def failure(self, gateway):
        """The only thing that fails."""
        code, found = await self.findings(gateway)
        assert code == 1
        (failed,) = [one for one in found if one[0] == "fail"]
        return failed


@pytest.fixture
def doctor():
    # The path of a socket is short.
    with tempfile.TemporaryDirectory(prefix="ab-") as folder:
        yield Doctor(Path(folder))


async def test_all_is_well_before_the_gateway_runs_and_while_it_does(doctor, asterisk22):
    gateway = doctor.gateway(target(asterisk22), limits={"connections": 100})
    code, found = await doctor.findings(gateway, "--asterisk-config", str(asterisk22.folder / "etc"))
    assert code == 0, found
    told = "\n".join(" ".join(one) for one in found)
    assert [one for one in found if one[0] != "ok"] == [one for one in found if one[1] == "gateway"], told
    for text in ("is free", "its clock agrees", "inbound", "5000 ms", "packets arrive there", "Asterisk 22", "uvloop"):
        assert text in told, told
    try:
        await gateway.start()
        code, found = await doctor.findings(gateway)
    finally:
        await gateway.stop()
    assert code == 0, found
    told = "\n".join(" ".join(one) for one in found)
    assert told.count("held by the gateway that runs") == 3, told
    for text in (f"runs as process {gateway_pid(found)}", "has the application", "mode 0700"):
        assert text in told, told


def gateway_pid(found):
    (told,) = [text for _, what, text in found if what == "gateway"]
    return int(told.split("process ")[1].split()[0])


async def test_a_wrong_host(doctor, asterisk22):
    section = target(asterisk22) | {"url": f"http://127.0.0.1:{free_port()}/ari"}
    _, what, text = await doctor.failure(doctor.gateway(section))
    assert what == "asterisk pbx"
    assert "cannot be connected to" in text
    assert "start it, or check enabled in http.conf" in text


async def test_a_host_name_that_nobody_has(doctor, asterisk22):
    section = target(asterisk22) | {"url": "http://pbx.invalid:8088/ari"}
    _, _, text = await doctor.failure(doctor.gateway(section))
    assert "pbx.invalid" in text
    assert "| check " in text


async def test_a_wrong_password(doctor, asterisk22):
    password = doctor.folder / "wrong.password"
    password.write_text(secrets.token_hex(8))
    password.chmod(0o600)
    _, _, text = await doctor.failure(doctor.gateway(target(asterisk22, password_file=str(password))))
    assert "refuses user aribridge | check user and password" in text
    assert password.read_text() not in text


@pytest.mark.parametrize("release", ["22", "16"])
async def test_a_user_who_may_only_read(doctor, release):
    async with fresh_asterisk(release) as asterisk:
        conf = asterisk.folder / "etc" / "ari.conf"
        conf.write_text(conf.read_text().replace("read_only = no", "read_only = yes"))
        await asterisk.cli("module reload res_ari.so")
        _, what, text = await doctor.failure(doctor.gateway(target(asterisk)))
    assert what == "asterisk pbx"
    assert "its user aribridge may only read" in text
    assert "| Set read_only = no" in text


async def test_an_ari_that_is_not_enabled(doctor):
    async with fresh_asterisk("22") as asterisk:
        conf = asterisk.folder / "etc" / "ari.conf"
        conf.write_text(conf.read_text().replace("enabled = yes", "enabled = no"))
        await asterisk.cli("module reload res_ari.so")
        _, _, text = await doctor.failure(doctor.gateway(target(asterisk)))
    assert "is not the base of an ARI" in text
    assert "enabled=yes in http.conf and ari.conf" in text


async def test_an_application_that_another_client_has(doctor, gateways, asterisk22):
    other = await gateways.start(target(asterisk22, app="wanted-by-two"))
    section = target(asterisk22, app="wanted-by-two")
    _, _, text = await doctor.failure(doctor.gateway(section))
    assert "the application wanted-by-two is taken by another client" in text
    assert "Stop that one, or give" in text
    code, _ = await doctor.findings(doctor.gateway(section | {"standby": True}))
    assert code == 0
    await other.stop()


def test_a_gateway_that_stands_still_is_not_told_as_none():
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "admin.sock"
        listener.bind(str(path))
        assert _gateway(None, path).level == "unknown"  # left behind by one that was killed
        listener.listen()
        told = _gateway(None, path)
    assert (told.level, told.what) == ("fail", "gateway")
    assert "does not answer" in told.text
    assert "restart" in told.remedy


async def test_an_application_that_was_taken_from_the_gateway_that_runs(doctor, gateways, asterisk22):
    gateway = doctor.gateway(target(asterisk22, app="taken-away"))
    try:
        await gateway.start()
        other = await gateways.start(target(asterisk22, app="taken-away"))
        await until(lambda: any("Another client took" in line for line in gateway.log), what="it is told so")
        _, _, text = await doctor.failure(gateway)
        await other.stop()
    finally:
        await gateway.stop()
    assert "Another client took the application taken-away" in text


async def test_an_asterisk_with_advisories(doctor, asterisk16):
    code, found = await doctor.findings(doctor.gateway(target(asterisk16)))
    (told,) = [one for one in found if "advisories" in one[2]]
    assert code == 0
    assert told[0] == "warn"
    assert "GHSA-vrfp-mg3q-3959: a variable" in told[2]
    assert "| Upgrade to 20.20.1 or later" in told[2]


async def test_what_an_asterisk_that_dials_the_gateway_may_do(doctor, asterisk22):
    code, found = await doctor.findings(doctor.gateway(target(asterisk22, link="outbound")))
    assert code == 0
    (told,) = [one for one in found if "outbound" in one[2]]
    assert told[0] == "warn"
    for text in ("without a bound", "may crash", "operations.md"):
        assert text in told[2]


async def test_a_udp_port_that_another_program_has(doctor, asterisk22):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        _, what, text = await doctor.failure(doctor.gateway(target(asterisk22), webrtc={"udp": str(port)}))
    assert what == "webrtc.udp"
    assert f"UDP port {port} is taken by " in text
    assert "--set webrtc.udp=PORT" in text


async def test_udp_that_a_firewall_drops(doctor, asterisk22):
    """In a network of its own, whose firewall drops UDP; Asterisk is out of reach there, too."""
    config = doctor.gateway(target(asterisk22)).config
    command = (sys.executable, "-m", "aribridge", "doctor", "--json", "-c", str(config))
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--map-root-user", "--net", "sh", "-c", f"{NO_UDP} && exec {shlex.join(command)}"), stdout=PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 90)
    found = {what: (level, text) for level, what, text in found_in(output.decode())}
    level, text = found["webrtc.udp"]
    assert level == "fail"
    assert "does not arrive | Let UDP through in this machine's firewall" in text


async def test_a_tcp_port_that_another_program_has(doctor, asterisk22):
    gateway = doctor.gateway(target(asterisk22))
    with socket.create_server(("127.0.0.1", gateway.admin_port)):
        _, what, text = await doctor.failure(gateway)
    assert what == "server.admin"
    assert "(process " in text


async def test_what_is_wrong_with_the_configuration_is_the_first_thing(doctor, asterisk22):
    gateway = doctor.gateway(target(asterisk22))
    gateway.config.write_text(gateway.config.read_text() + "\n[lgo]\n")
    _, what, text = await doctor.failure(gateway)
    assert what == "configuration"
    assert "Did you mean log?" in text


async def test_people_get_lines(doctor, asterisk22):
    gateway = doctor.gateway(target(asterisk22), limits={"connections": 100_000_000})
    code, output = await aribridge("doctor", "-c", str(gateway.config))
    assert code == 0
    assert "\nwarn     open files: " in output
    assert "\n         to do: LimitNOFILE=" in output


def test_clocks_apart():
    # An Asterisk takes its clock from the machine, which tests share.
    ahead = _ahead("Fri, 27 Nov 2026 03:00:00 GMT", 1795748400.0 - 3600)
    assert abs(ahead - 3600.5) < 1
    assert _clock("asterisk pbx", ahead).level == "warn"
    assert "ahead of" in _clock("asterisk pbx", ahead).text
    assert "behind" in _clock("asterisk pbx", -ahead).text
    assert _clock("asterisk pbx", MOST_APART / 2).level == "ok"
    assert _clock("asterisk pbx", _ahead(None, 0)).level == "unknown"


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("[general]\nenabled = yes\n", "warn"),
        ("[general](+)\nwebsocket_write_timeout=200 ; less\n#include more.conf\n[u](!)\ntype = user\n", "warn"),
        ("[general]\nwebsocket_write_timeout = 5000\n", "ok"),
        ("[general]\nwebsocket_write_timeout = soon\n", "unknown"),
        ("[general]\nwebsocket_write_timeout => 5000\n", "ok"),
        ("[general]\nenabled = yes\n  websocket_write_timeout = 5000\n", "ok"),
        ("[general]\nwebsocket_write_timeout\n", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_write_timeout_of_ari_conf(tmp_path, text, level):
    if text is not None:
        (tmp_path / "ari.conf").write_text(text)
    found = ari_conf.look(AsteriskSettings(), tmp_path)
    assert found.level == level
    assert bool(found.remedy) == (level != "ok")


def test_a_certificate_that_only_openssl_reads(tmp_path):
    pair = make_pair(tmp_path, "pbx")
    trusted = tmp_path / "trusted.crt"
    subprocess.run(["openssl", "x509", "-trustout", "-in", pair.certificate, "-out", trusted], check=True)
    settings = ServerSettings(tls_certificate=str(trusted), tls_key=str(pair.key))
    assert certificate_fault(settings.tls_certificate, settings.tls_key) is None
    (found,) = certificate.look(settings, None)
    assert (found.level, "BEGIN CERTIFICATE" in found.remedy) == ("unknown", True)


def test_a_state_folder_that_others_can_read(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o755)
    found = machine.look(Settings(state=str(state)), None)[-1]
    assert (found.level, found.remedy) == ("warn", f"chmod 700 {state}")


def test_a_state_folder_that_this_user_may_not_look_for(tmp_path):
    (tmp_path / "closed").mkdir()
    code = (
        "import os, sys; from aribridge.cli.probes import machine; from aribridge.core.settings import Settings; "
        "print(machine.look(Settings(state=sys.argv[1]), None)[-1].level)"
    )
    (tmp_path / "closed").chmod(0)
    command = [*UNPRIVILEGED, sys.executable, "-c", code, str(tmp_path / "closed" / "state")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.stdout == "fail\n", told.stderr


def test_a_state_folder_that_is_a_file(tmp_path):
    (tmp_path / "state").write_text("")
    found = machine.look(Settings(state=str(tmp_path / "state" / "aribridge")), None)[-1]
    assert found.level == "fail"


async def test_a_development_run(doctor, asterisk22):
    gateway = Gateway(doctor.folder, {"asterisk": [target(asterisk22)]}, dev=True)
    try:
        await gateway.start()
        # As `make run` in a fresh checkout, whose Asterisk no file names.
        gateway.config.rename(doctor.folder / "elsewhere.toml")
        code, found = await here(doctor.folder)
        assert code == 0, found
        told = "\n".join(" ".join(one) for one in found)
        for text in (f"a development run in {doctor.folder}", "runs as process", "asterisk pbx the gateway's own"):
            assert text in told, told
        # By flags, or by a configuration that is not in this folder, a run may have any port.
        assert f"TCP 127.0.0.1:{gateway.port} is held by the gateway that runs" in told, told
        status = await run_in(doctor.folder, "status")
        assert status[0] == 0
        assert "pbx: up" in status[1]
    finally:
        await gateway.stop()
    code, found = await here(doctor.folder)
    assert code == 1
    assert "`aribridge run --dev`, or `make run`" in found[0][2]


async def here(folder):
    code, output = await run_in(folder, "doctor", "--json")
    return code, found_in(output)


async def run_in(folder, *arguments):
    """Run the command line in a folder: exit code and standard output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aribridge", *arguments), stdout=PIPE, cwd=folder
    )
    output, _ = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, output.decode()


def certified(folder, *, names=("pbx.example.com",), first=-1.0, last=60.0, mode=0o600):
    """Settings with a certificate for these names, good from and until some days from now."""
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=first))
        .not_valid_after(now + timedelta(days=last))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "tls.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "tls.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    (folder / "tls.key").chmod(mode)
    return {"tls_certificate": str(folder / "tls.crt"), "tls_key": str(folder / "tls.key")}


@pytest.mark.parametrize(
    ("public_url", "made", "level", "text"),
    [
        ("https://pbx.example.com", {}, "ok", "is for pbx.example.com"),
        ("https://PBX.example.com:8443/gw", {"names": ["*.example.com"]}, "ok", "the name of server.public_url"),
        ("https://a.pbx.example.com", {"names": ["*.example.com"]}, "fail", "not for a.pbx.example.com"),
        ("https://other.example", {}, "fail", "is for pbx.example.com, not for other.example"),
        ("", {}, "unknown", "is for pbx.example.com; whether clients use such a name"),
        ("https://pbx.example.com", {"first": -90, "last": -1}, "fail", "ended on "),
        ("https://pbx.example.com", {"first": -80, "last": 10}, "warn", "in 9 days"),
        ("https://pbx.example.com", {"first": -1, "last": 5}, "ok", "is good until"),
        ("https://pbx.example.com", {"first": -5, "last": 1}, "warn", "in 0 days"),
        ("https://pbx.example.com", {"first": 1, "last": 5}, "fail", "is still to come"),
    ],
)
def test_certificates(tmp_path, public_url, made, level, text):
    settings = ServerSettings(**certified(tmp_path, **made), public_url=public_url)
    found = {one.text: one for one in certificate.look(settings, None)}
    (one,) = [found[told] for told in found if text in told]
    assert one.level == level
    assert bool(one.remedy) == (level != "ok")


async def test_a_certificate_that_was_renewed_but_not_loaded(doctor, asterisk22):
    server = {**certified(doctor.folder), "public_url": "https://pbx.example.com"}
    gateway = doctor.gateway(target(asterisk22), server=server)
    try:
        await gateway.start()
        code, found = await doctor.findings(gateway)
        assert (code, "is the one that the gateway uses" in str(found)) == (0, True), found
        certified(doctor.folder)
        code, found = await doctor.findings(gateway)
    finally:
        await gateway.stop()
    (told,) = [one for one in found if "is newer than what the gateway uses" in one[2]]
    assert (code, told[0]) == (0, "warn")
    assert "| aribridge reload" in told[2]


async def test_a_key_that_everybody_may_read(doctor, asterisk22):
    server = certified(doctor.folder, mode=0o644)
    _, what, text = await doctor.failure(doctor.gateway(target(asterisk22), server=server))
    assert what == "configuration"
    assert "can be read by everybody on this machine: run `chmod 600" in text
