"""`aribridge init`, `check` and `token`, as a user calls them."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from real.machine import UNPRIVILEGED

from aribridge import __version__
from aribridge.auth import Authenticator
from aribridge.auth.janus import sign
from aribridge.cli import COMMANDS, dev, main
from aribridge.cli.options import Failure
from aribridge.core.settings import Settings


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def aribridge(*arguments: str, stdin: str | bytes = "", **environment: str) -> Result:
    result = CliRunner().invoke(main, arguments, input=stdin, env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def last_line(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[-1]


def test_help_needs_nothing_heavy():
    code = (
        "import sys, aribridge.cli; aribridge.cli.main(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("run", "init", "check", "token", "asterisk"):
        assert f"\n  {name} " in shown
    for heavy in ("aiohttp", "aiortc", "lupa", "cryptography", "structlog", "msgspec", "uvloop"):
        assert f"'{heavy}'" not in shown


def test_version():
    assert aribridge("--version").output == f"aribridge, version {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_of_each_command_what_its_own_help_says(name):
    said = aribridge(name, "--help")
    assert said.exit_code == 0
    assert re.findall(r"\w+", COMMANDS[name])[:3] == re.findall(r"\w+", said.output.split("\n\n")[1])[:3]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_what_completes_commands(shell):
    said = subprocess.run(
        [sys.executable, "-c", "from aribridge.cli import main; main(prog_name='aribridge')"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"_ARIBRIDGE_COMPLETE": f"{shell}_source"},
    )
    assert "_ARIBRIDGE_COMPLETE" in said.stdout, said.stderr


# --- run, as far as it goes without running


def test_faults_of_the_configuration_end_a_run_with_1(folder):
    (folder / "aribridge.toml").write_text("[lgo]\n")
    ended = aribridge("run")
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[0] == "aribridge.toml:1: lgo: unknown key. Did you mean log?"


def test_a_run_without_a_configuration_says_how_to_get_one(folder):
    ended = aribridge("run")
    assert ended.exit_code == 1
    assert "no configuration file: asterisk: " in ended.stderr
    assert "aribridge init" in ended.stderr


@pytest.mark.parametrize("arguments", [["--set", "x"], ["--set", "a=1", "--set", "a=2"], ["--nonsense"]])
def test_wrong_usage_ends_a_run_with_2(folder, arguments):
    assert aribridge("run", *arguments).exit_code == 2


# --- what a development run brings


@pytest.mark.parametrize(
    ("key", "value"), [("listen", "0.0.0.0:1"), ("admin", "[::]:1"), ("listen", "192.0.2.1:1"), ("admin", "pbx:1")]
)
def test_a_development_run_refuses_to_be_seen(folder, key, value):
    settings = Settings()
    setattr(settings.server, key, value)
    with pytest.raises(Failure, match=f"server.{key}: "):
        dev.prepare(settings)
    assert not list(folder.iterdir())


def test_a_development_run_makes_a_key_and_keeps_it(folder):
    for _ in range(2):
        settings = Settings()
        dev.prepare(settings)
        assert settings.server.console
        link = dev.console_link(settings)
        minted = link.removeprefix("http://127.0.0.1:8188/#token=")
        assert Authenticator(settings.auth).bearer(minted).may("channels.originate")
    assert stat.S_IMODE(dev.KEY.stat().st_mode) == 0o600
    assert stat.S_IMODE(dev.FOLDER.stat().st_mode) == 0o700
    first = dev.KEY.read_text()
    dev.prepare(Settings())
    assert dev.KEY.read_text() == first


# --- init


def test_init_writes_what_check_finds_fine(folder):
    told = aribridge("init")
    assert told.exit_code == 0
    for name in ("asterisk.password", "signing.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert (folder / "asterisk.password").read_text().strip() in told.output
    assert (folder / "signing.key").read_text().strip() not in told.output
    for said in ("http.conf", "ari.conf", "extensions.conf", "Stasis(aribridge)", "module reload", "undo", "check"):
        assert said in told.output
    text = (folder / "aribridge.toml").read_text()
    assert '\nurl = "http://127.0.0.1:8088/ari"\n' in text
    assert "#listen = " in text
    assert last_line(aribridge("check")) == "ok"
    assert last_line(aribridge("token", "issue", "--ops", "*")).count(".") == 2


def test_init_outbound_has_asterisk_dial_in(folder):
    told = aribridge("init", "--outbound")
    assert told.exit_code == 0
    assert "uri = ws://127.0.0.1:8190/v1/asterisk/pbx\n" in told.output
    assert "type = outbound_websocket" in told.output
    assert "asterisk -rx 'module reload res_websocket_client.so'" in told.output
    assert "the sections [aribridge] and [pbx] of ari.conf" in told.output
    checked = aribridge("check")
    assert checked.stdout.splitlines()[0].startswith(
        "pbx: outbound: Asterisk dials ws://127.0.0.1:8190/v1/asterisk/pbx"
    )
    assert last_line(checked) == "ok"


@pytest.mark.parametrize("name", ["aribridge.toml", "asterisk.password", "signing.key"])
def test_init_overwrites_nothing(folder, name):
    (folder / name).write_text("mine")
    told = aribridge("init")
    assert told.exit_code == 1
    assert name in told.output
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "mine"


def test_init_in_another_folder(folder):
    told = aribridge("init", "--folder", "etc/aribridge", "--asterisk", "https://192.0.2.9:8089/ari")
    assert told.exit_code == 0
    assert "bindaddr = 192.0.2.9" in told.output
    assert "aribridge run -c etc/aribridge/aribridge.toml" in told.output
    assert last_line(aribridge("check", "-c", "etc/aribridge/aribridge.toml")) == "ok"


@pytest.mark.parametrize("url", ["http://pbx:8088", "pbx.example", "pbx.example:8088/ari", "http://[::1/ari", ""])
def test_init_refuses_what_is_no_ari(folder, url):
    told = aribridge("init", "--asterisk", url)
    assert told.exit_code == 1
    assert "/ari" in told.output
    assert not list(folder.iterdir())


def test_init_in_a_folder_of_another_user_is_no_traceback(folder):
    folder.chmod(0o555)
    command = [*UNPRIVILEGED, sys.executable, "-m", "aribridge", "init", "--folder", "mine"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (
        1,
        "mine: Permission denied. Choose another --folder, or run this as its owner.\n",
    )
    folder.chmod(0o755)


@pytest.fixture
def http_server():
    """Something that answers every request as the HTTP server of an Asterisk, or of something else, would."""

    class Handler(BaseHTTPRequestHandler):
        server_name = "Asterisk/16.28.0~dfsg-0+deb11u4"

        def do_GET(self):
            self.send_response_only(401)
            self.send_header("Server", self.server_name)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server, Handler
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("header", "said", "has_newest_module"),
    [
        ("Asterisk/16.28.0~dfsg-0+deb11u4", "version 16.28.0", False),
        ("Asterisk/certified-18.9-cert1", "version 18.9", False),
        ("Asterisk/22.10.1", "version 22.10.1", True),
        ("nginx", "No Asterisk answered", True),
    ],
)
def test_init_asks_the_asterisk_that_is_named(folder, http_server, header, said, has_newest_module):
    server, handler = http_server
    handler.server_name = header
    told = aribridge("init", "--asterisk", f"http://127.0.0.1:{server.server_port}/ari")
    assert said in told.output
    assert ("load = res_websocket_client.so" in told.output) is has_newest_module


# --- check


def test_check_tells_everything_at_once(folder):
    (folder / "aribridge.toml").write_text("[server]\nlisten = 1\n[lgo]\n")
    told = aribridge("check")
    assert told.exit_code == 1
    assert [line.split(": ")[1] for line in told.stderr.splitlines()] == ["server.listen", "lgo", "asterisk", "auth"]
    assert told.stdout == ""


def test_check_reads_the_scripts(folder):
    aribridge("init")
    (folder / "bad.lua").write_text("x = = 1\n")
    told = aribridge("check", "--set", "scripts.files.0=bad.lua")
    assert told.exit_code == 1
    assert "bad.lua:1:" in told.stderr


def test_check_sees_the_environment(folder):
    aribridge("init")
    told = aribridge("check", ARIBRIDGE_SERVER__LISTEN="nowhere")
    assert told.exit_code == 1
    assert told.stderr.startswith("$ARIBRIDGE_SERVER__LISTEN: server.listen: expected host:port")


# --- token


@pytest.fixture
def dev_key(folder) -> str:
    """The key of a development run in this folder."""
    (folder / ".aribridge").mkdir()
    (folder / ".aribridge" / "dev.key").write_text("d" * 40 + "\n")
    return "d" * 40


def test_issue_finds_the_key_of_the_development_run(dev_key):
    told = aribridge(
        "token", "issue", "--sub", "alice", "--role", "agent", "--role", "boss", "--tenant", "acme",
        "--endpoint", "PJSIP/200", "--ops", "channels.*", "--ops", "bridges.list", "--minutes", "5",
    )  # fmt: skip
    claims = jwt.decode(last_line(told), dev_key, algorithms=["HS256"])
    assert claims.pop("exp") - claims.pop("iat") == 300
    assert claims == {
        "sub": "alice", "roles": ["agent", "boss"], "tenant": "acme", "endpoints": ["PJSIP/200"],
        "ops": ["channels.*", "bridges.list"],
    }  # fmt: skip


def test_issue_says_when_a_role_is_none_of_the_policy(dev_key):
    told = aribridge("token", "issue", "--role", "agnet", "--role", "viewer")
    assert last_line(told)
    assert 'no role "agnet", so that it allows nothing here. Did you mean agent?' in told.stderr
    assert "viewer" not in told.stderr.splitlines()[0]


def test_issue_says_when_a_token_allows_nothing(dev_key):
    told = aribridge("token", "issue")
    assert "nothing (add --role or --ops)" in told.stderr
    assert jwt.decode(last_line(told), dev_key, algorithms=["HS256"])["ops"] == []


def test_issue_prefers_the_key_of_the_configuration(folder, dev_key):
    aribridge("init")
    with (folder / "aribridge.toml").open("a") as file:
        file.write('[[auth.jwt]]\nkey_file = "signing.key"\n')
    text = (folder / "aribridge.toml").read_text()
    (folder / "aribridge.toml").write_text(
        text.replace('#audience = ""', 'audience = "a"').replace('#issuer = ""', 'issuer = "i"')
    )
    minted = last_line(aribridge("token", "issue"))
    key = (folder / "signing.key").read_text().strip()
    assert jwt.decode(minted, key, algorithms=["HS256"], audience="a", issuer="i")["sub"] == "developer"
    assert last_line(aribridge("token", "inspect", stdin=minted)) == "valid, allows nothing"


def test_issue_signs_with_a_private_key(folder, dev_key):
    key = ed25519.Ed25519PrivateKey.generate()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    minted = last_line(aribridge("token", "issue", "--key-file", "key.pem"))
    assert jwt.decode(minted, key.public_key(), algorithms=["EdDSA"])["sub"] == "developer"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 1, "no key to sign with"),
        (["--key-file", "gone"], 1, "gone: No such file"),
        (["--key-file", "short"], 1, "shorter than 32 bytes"),
        (["--key-file", "broken.pem"], 1, "not a private key"),
        (["--minutes", "0"], 2, "--minutes"),
        (["--minutes", "inf"], 2, "--minutes"),
        (["--minutes", "nan"], 2, "--minutes"),
    ],
)
def test_issue_without_a_usable_key(folder, arguments, code, said):
    (folder / "short").write_text("short")
    (folder / "broken.pem").write_text("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n")
    told = aribridge("token", "issue", *arguments)
    assert told.exit_code == code
    assert said in told.stderr
    assert told.stdout == ""


def test_inspect_shows_and_judges(dev_key):
    minted = last_line(aribridge("token", "issue", "--sub", "alice", "--ops", "channels.*"))
    told = aribridge("token", "inspect", stdin=f"{minted}\n")
    assert last_line(told) == "valid, allows channels.*"
    assert json.loads(told.stdout.rpartition("\n}\n")[0] + "\n}")["claims"]["sub"] == "alice"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: jwt.encode({"sub": "a", "exp": int(time.time()) - 99}, "d" * 40), "has expired"),
        (lambda: jwt.encode({"sub": "a", "exp": int(time.time()) + 99}, "e" * 40), "not signed by a key"),
        (lambda: jwt.encode({"sub": "a"}, "d" * 40), "lacks the exp claim"),
        (lambda: jwt.encode({"sub": "a"}, None, algorithm="none"), "algorithm"),
        (lambda: sign(b"x", f"{int(time.time()) + 99},janus,janus.plugin.echotest"), "takes no signed Janus tokens"),
        (lambda: "garbage", "neither"),
        (lambda: "", "neither"),
    ],
)
def test_inspect_says_why_not(dev_key, make, said):
    text = make()
    told = aribridge("token", "inspect", stdin=text)
    assert told.exit_code == 1
    assert "not valid" in told.stderr
    assert said in told.stderr
    assert len(text) < 10 or text not in told.output


@pytest.mark.parametrize("command", [("token", "inspect"), ("explain", "--token", "channels.list")])
def test_what_is_not_even_text_is_no_token(dev_key, command):
    """Such as a file that was taken for one."""
    told = aribridge(*command, stdin=b"\xff\xfe\x00")
    assert told.exit_code == 1
    assert "not valid" in told.stderr


def test_inspect_knows_what_was_revoked(dev_key, tmp_path):
    """The gateway would not let it in."""
    minted = last_line(aribridge("token", "issue", "--sub", "alice"))
    state = f"state={tmp_path / 'state'}"
    aribridge("token", "revoke", "--sub", "alice", "--set", state)
    told = aribridge("token", "inspect", "--set", state, stdin=minted)
    assert (told.exit_code, told.stderr) == (1, "not valid: The token was revoked.\n")


def test_what_root_revokes_is_for_the_user_of_the_service_to_read(folder):
    (folder / "state").mkdir()
    owner = (os.getuid(), os.getgid()) if os.geteuid() else (1234, 1235)
    os.chown(folder / "state", *owner)
    told = aribridge("token", "revoke", "--sub", "alice", "--set", f"state={folder / 'state'}")
    assert f"No gateway runs with this configuration: it is kept in {folder / 'state'}" in told.stderr
    made = (folder / "state" / "revoked.json").stat()
    assert (made.st_uid, made.st_gid) == owner


def test_inspect_survives_any_expiry(dev_key):
    told = aribridge("token", "inspect", stdin=jwt.encode({"sub": "a", "exp": 10**400}, "d" * 40))
    assert '"remaining": "unknown"' in told.stdout
    assert told.exit_code == 1


@pytest.mark.parametrize("days", ["inf", "nan", "1e308"])
def test_what_is_revoked_can_be_read_again(folder, days):
    """Without a gateway: the next one has to start with the file."""
    told = aribridge("token", "revoke", "--sub", "alice", "--days", days, "--set", f"state={folder}")
    assert (told.exit_code, "--days" in told.stderr) == (2, True)
    assert last_line(aribridge("token", "revoke", "--sub", "bob", "--set", f"state={folder}")).startswith("revoked")


@pytest.mark.parametrize(
    "arguments",
    [("token", "revoke", "--sub", "alice"), ("explain", "channels.list"), ("kv", "list"), ("status",)],
    ids=" ".join,
)
def test_a_state_folder_of_another_user_is_no_traceback(folder, arguments):
    (folder / "state").mkdir(mode=0)
    (folder / "aribridge.toml").write_text('state = "state"\n')
    command = [*UNPRIVILEGED, sys.executable, "-m", "aribridge", *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, "Traceback" in told.stderr) == (1, False)
    assert f"{folder / 'state'}/" in told.stderr
    assert "Permission denied" in told.stderr


def test_a_configuration_folder_of_another_user_is_no_traceback(folder, monkeypatch):
    (folder / "etc").mkdir(mode=0)
    code = (
        "import sys; from pathlib import Path; import aribridge.config; from aribridge.cli import main; "
        "sys.modules['aribridge.config.load'].PLACES = (Path('etc/aribridge.toml'),); main(['check'])"
    )
    told = subprocess.run([*UNPRIVILEGED, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr.splitlines()[0]) == (
        1,
        "etc/aribridge.toml: cannot be read: Permission denied. `aribridge init` writes a new one.",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("token", "revoke", "--sub", "alice"), "revoked; 0"), (("explain", "channels.list"), "No gateway runs")],
)
def test_a_gateway_that_was_killed_counts_as_none(folder, arguments, said):
    """It leaves its socket behind."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("admin.sock")
    assert said in aribridge(*arguments, "--set", f"state={folder}").output
