"""What a configuration means, and everything that can be wrong with one."""

import contextlib
import os
import sys
from pathlib import Path

import pytest
from config_parts import GOOD, PASSWORD, faults, write
from hypothesis import given
from hypothesis import strategies as st

from aribridge.config import ConfigError, find, host_and_port, load, port_range
from aribridge.config.positions import key_lines
from aribridge.core.settings import Settings


def test_reads_a_file_and_the_files_it_names(folder):
    settings = load(write(folder, GOOD), {}, {})
    assert settings.asterisk[0].password == PASSWORD
    assert settings.asterisk[0].name == "pbx"
    assert settings.auth.jwt[0].key_file == str(folder / "jwt.key")
    assert settings.server.listen == "127.0.0.1:8188"
    assert PASSWORD not in repr(settings)


def test_without_a_file_there_are_the_defaults():
    settings = load(None, {"XDG_STATE_HOME": "/s"}, {}, complete=False)
    assert settings == Settings(state="/s/aribridge")


def test_the_machines_configuration_has_the_state_of_the_service(folder, monkeypatch):
    """As its unit sets it: `aribridge token revoke` on the terminal has to find the gateway that systemd started."""
    path = write(folder, GOOD)
    assert load(path, {"XDG_STATE_HOME": "/s"}, {}).state == "/s/aribridge"
    monkeypatch.setattr(sys.modules["aribridge.config.load"], "PLACES", (Path("aribridge.toml"), path))
    monkeypatch.chdir(folder)
    for name in (path, Path("aribridge.toml")):
        assert load(name, {"XDG_STATE_HOME": "/s"}, {}).state == "/var/lib/aribridge"
    assert load(path, {}, {"state": "/x"}).state == "/x"


def test_the_environment_goes_over_the_file_and_flags_over_both(folder):
    env = {
        "ARIBRIDGE_SERVER__LISTEN": "0.0.0.0:1",
        "ARIBRIDGE_SERVER__ADMIN": "127.0.0.1:2",
        "ARIBRIDGE_SERVER__CONSOLE": "true",
        "ARIBRIDGE_SERVER__ORIGINS": '["https://a.example"]',
        "ARIBRIDGE_WEBRTC__BIND__0": "192.0.2.1",
        "ARIBRIDGE_WEBRTC__BIND__1": "192.0.2.2",
        "ARIBRIDGE_ASTERISK__0__PASSWORD_FILE": "",
        "ARIBRIDGE_ASTERISK__0__PASSWORD": "from-env",
        "ARIBRIDGE_ASTERISK__1__NAME": "second",
        "ARIBRIDGE_ASTERISK__1__URL": "https://pbx2.example/ari",
        "ARIBRIDGE_ASTERISK__1__PASSWORD": "12345678",
        "ARIBRIDGE_LOG__LEVEL": "debug",
        "ARIBRIDGE_STATE": "/var/lib/aribridge",
        "ARIBRIDGE_LIMITS__REQUEST_SECONDS": "5",
        "ARIBRIDGE_SERVICE_HOST": "10.0.0.1",
        "ARIBRIDGE_CACHE": "/tmp/cache",
        "PATH": "/bin",
    }
    overrides = {"server.listen": "127.0.0.1:0", "limits.frame": "1000"}
    settings = load(write(folder, GOOD + '[server]\nlisten = "127.0.0.1:9"\n'), env, overrides)
    assert settings.server.listen == "127.0.0.1:0"
    assert settings.server.admin == "127.0.0.1:2"
    assert settings.server.console is True
    assert settings.server.origins == ["https://a.example"]
    assert settings.webrtc.bind == ["192.0.2.1", "192.0.2.2"]
    assert [(a.name, a.password) for a in settings.asterisk] == [("pbx", "from-env"), ("second", "12345678")]
    assert settings.log.level == "debug"
    assert settings.state == "/var/lib/aribridge"
    assert settings.limits.request_seconds == 5.0
    assert settings.limits.frame == 1000


def test_ten_elements_from_the_environment_keep_their_order():
    env = {f"ARIBRIDGE_SERVER__ORIGINS__{n}": f"https://h{n}.example" for n in range(12)}
    assert load(None, env, {}, complete=False).server.origins == [f"https://h{n}.example" for n in range(12)]


def test_all_faults_at_once_each_with_its_line(folder):
    text = """\
colour = "blue"
[server]
listne = "0.0.0.0:80"
admin = "8189"
console = "yes"
[[asterisk]]
url = "127.0.0.1"
password_file = "gone"
events = "al"
[[asterisk]]
url = "http://pbx/ari"
timeout = 0
[log]
level = 3
[hub]
"""
    assert faults(folder, text) == [
        "aribridge.toml:1: colour: unknown key. "
        "Known here: server, webrtc, asterisk, auth, janus, scripts, stream, limits, log, audit, state.",
        "aribridge.toml:3: server.listne: unknown key. Did you mean listen?",
        'aribridge.toml:4: server.admin: expected host:port, such as "127.0.0.1:8188" or "[::1]:8188", '
        'got "8189": host and port are both needed.',
        'aribridge.toml:5: server.console: expected true or false, got "yes".',
        'aribridge.toml:7: asterisk.url: expected a URL such as "http://127.0.0.1:8088/ari", got "127.0.0.1".',
        "aribridge.toml:8: asterisk.password_file: gone: No such file or directory. "
        "Create the file, or correct the path.",
        'aribridge.toml:9: asterisk.events: expected one of "all", "app", got "al". Did you mean all?',
        'aribridge.toml:10: asterisk.name: "pbx" is taken by an earlier [[asterisk]].',
        "aribridge.toml:10: asterisk.password_file: no password for the ARI user aribridge: name a file that holds it.",
        "aribridge.toml:12: asterisk.timeout: expected a number of seconds that is more than 0, got 0.0.",
        'aribridge.toml:14: log.level: expected one of "debug", "info", "warning", "error", got 3.',
        "aribridge.toml:15: hub: unknown key. "
        "Known here: server, webrtc, asterisk, auth, janus, scripts, stream, limits, log, audit, state.",
        "aribridge.toml: auth: no key and no secret: nobody could get in. `aribridge init` makes a key.",
    ]


ONE_FAULT = {
    "not TOML": ("[server\n", ":1: not valid TOML at column 8"),
    "not TOML, at the end": ("[server]\nlisten = ", "not valid TOML"),
    "text without quotes": ("[log]\nlevel = debug\n", ":2: not valid TOML at column 9: Invalid value. Text stands in"),
    "a section twice": (
        "[auth.claims]\n[log]\n[auth.claims]\n",
        ":3: not valid TOML at column 13: Cannot declare [auth.claims] twice. The section is in the file already: put",
    ),
    "a key twice": ("[log]\nlevel = 'info'\nlevel = 'debug'", "a value. This name is in the file already, as a key"),
    "no list for one that has some": ("[scripts]\nfiles = 'a.lua'\n", 'The default is ["stock:main.lua"].'),
    "a table for several within one": ("[janus.lua]\nscript = 'k'\n", "janus.lua: has two brackets, [[janus.lua]]: "),
    "key of another section": ("[webrtc]\nlisten = 'a:1'\n", "it belongs under [server]"),
    "number for text": (
        "[server]\nlisten = 8188\n",
        'expected text in quotes, got 8188. The default is "127.0.0.1:8188"',
    ),
    "text for a number": ("[limits]\nframe = '1k'\n", 'expected a whole number, got "1k". The default is 65536 bytes.'),
    "fraction for a whole number": ("[limits]\nframe = 1.5\n", "expected a whole number, got 1.5"),
    "true for a number": ("[limits]\nframe = true\n", "expected a whole number, got true"),
    "infinity": ("[limits]\nping_seconds = inf\n", "expected a number, got inf"),
    "negative": ("[auth]\nleeway = -1\n", "0 or more, got -1.0"),
    "text for a list": ("[server]\norigins = 'https://a'\n", "expected a list in [ ]"),
    "number in a list": ("[server]\norigins = [1]\n", "server.origins: expected text in quotes, got 1"),
    "a number past all floats": (f"[auth]\nleeway = {'9' * 400}\n", "auth.leeway: expected a number, got 999"),
    "text for a table": ("server = 'x'\n", 'server: expected a table, got "x".'),
    "table for an array of tables": ("[asterisk]\nurl = 'x'\n", "asterisk: has two brackets, [[asterisk]]: there"),
    "port too high": ("[server]\nlisten = 'a:65536'\n", "0 to 65535"),
    "bare IPv6": ("[server]\nlisten = '::1:80'\n", "in brackets"),
    "same port twice": ("[server]\nlisten = '127.0.0.1:8189'\n", "server.admin: is the same address"),
    "origin with a path": ("[server]\norigins = ['https://a.example/']\n", "no path, no slash"),
    "origin in half a bracket": ("[server]\norigins = ['http://[']\n", "no path, no slash"),
    "public URL in half a bracket": ("[server]\npublic_url = 'https://['\n", "expected a URL such as"),
    "any origin": ("[server]\norigins = ['*']\n", "expected an origin"),
    "UDP range upside down": ("[webrtc]\nudp = '5-4'\n", "expected a port or a range"),
    "no address": ("[webrtc]\npublic = ['pbx.example']\n", "expected an IP address"),
    "slow consent": ("[webrtc]\nconsent_seconds = 11\n", "at most 10 seconds"),
    "ICE server without urls": ("[webrtc]\nice_servers = [{}]\n", "expected urls"),
    "ICE server of another scheme": ("[webrtc]\nice_servers = [{urls = ['http://a']}]\n", "expected urls"),
    "ICE server with a name for a port": ("[webrtc]\nice_servers = [{urls = 'stun:a:b'}]\n", "expected urls"),
    "ICE server with a port too high": ("[webrtc]\nice_servers = [{urls = 'stun:a:99999'}]\n", "expected urls"),
    "STUN with a transport": ("[webrtc]\nice_servers = [{urls = ['stun:a?transport=udp']}]\n", "expected urls"),
    "TURN without credential": ("[webrtc]\nice_servers = [{urls = 'turn:a'}]\n", "needs username and credential"),
    "unknown key of an ICE server": ("[webrtc]\nice_servers = [{urls = 'stun:a', url = 1}]\n", "unknown key url"),
    "missing script": ("[scripts]\nfiles = ['gone.lua']\n", "scripts.files: gone.lua: No such file"),
    "script is a folder": ("[scripts]\nfiles = ['.']\n", "is a folder, a pipe or a device"),
    "missing secret": ("[auth.janus]\napi_secret_file = 'gone'\n", "No such file"),
}


@pytest.mark.parametrize(("text", "fault"), ONE_FAULT.values(), ids=ONE_FAULT)
def test_one_fault_is_told_once(folder, text, fault):
    good = "" if text.startswith("[asterisk]") else GOOD
    told = faults(folder, f"{text}{good}")
    assert [line for line in told if fault in line] == told[:1] or text.startswith("[asterisk]")
    assert fault in "\n".join(told)
    assert "Settings(" not in "\n".join(told)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[servr]\n", "servr: unknown key. Did you mean server?"),
        ("[server]\nListen = 'a:1'\n", "server.Listen: unknown key. Did you mean listen?"),
        ("[server]\ntls-key = 'k'\n", "server.tls-key: unknown key. Did you mean tls_key?"),
        ("Listen = 'a:1'\n", "Listen: unknown key here; it belongs under [server]."),
        ("[auth]\napi_secret_file = 's'\n", "api_secret_file: unknown key here; it belongs under [auth.janus]."),
        ("[auth]\njwks_url = 's'\n", "jwks_url: unknown key here; it belongs under [[auth.jwt]]."),
        ("[auth.janus]\nrols = ['agent']\n", "auth.janus.rols: unknown key. Did you mean roles?"),
        ("[log]\nlevel = 'WARN'\n", 'got "WARN". Did you mean warning?'),
        ("[auth.janus]\nroles = ['agnet']\n", 'has no role "agnet", so it would allow nothing. Did you mean agent?'),
        ("[auth.janus]\nroles = ['xyz']\n", 'the policy has no role "xyz", so it would allow nothing.'),
    ],
)
def test_a_near_miss_is_told_with_what_was_meant(folder, text, fault):
    (told,) = faults(folder, f"{text}{GOOD}")
    assert fault in told


def test_an_algorithm_in_small_letters_is_no_other_one(folder):
    (told,) = faults(folder, f'{GOOD}algorithm = "hs256"\n')
    assert told.endswith('got "hs256". Did you mean HS256?')


def test_a_role_of_a_stored_token_that_the_policy_does_not_have(folder):
    (folder / "policy.toml").write_text('[roles.desk]\nallow = ["channels.*"]\n')
    token = '[[auth.janus.tokens]]\nname = "a"\ntoken_file = "jwt.key"\nroles = ["desk", "dsk"]\n'
    (told,) = faults(folder, f'{GOOD}{token}[auth]\npolicy = "policy.toml"\n')
    assert "tokens.roles" in told
    assert told.endswith("Did you mean desk?")


ASTERISK_FAULTS = {
    "no URL": ("", "is missing"),
    "no /ari": ('url = "http://pbx:8088"', "does not end in /ari"),
    "other scheme": ('url = "ws://pbx:8088/ari"', "expected a URL"),
    "bad port": ('url = "http://pbx:99999/ari"', "Port out of range"),
    "query": ('url = "http://pbx/ari?api_key=a:correct-horse-battery"', "without ? and #"),
    "password in the URL": ('url = "http://u:correct-horse-battery@pbx/ari"', "credentials do not belong in the URL"),
    "password twice": ('url = "http://p/ari"\npassword = "correct-horse-battery"', "is given twice"),
    "password a number": ('url = "http://p/ari"\npassword = 123', "expected text in quotes, got something else"),
    "bad app": ('url = "http://p/ari"\napp = "a,b"', "1 to 64 letters"),
    "bad user": ('url = "http://p/ari"\nuser = ""', "ari.conf"),
    "CA that is none": ('url = "https://p/ari"\nca_file = "jwt.key"', "jwt.key holds no certificate of a CA in PEM"),
    "CA that is a folder": ('url = "https://p/ari"\nca_file = "."', "is a folder, a pipe or a device"),
    "event that is needed": (
        'url = "http://p/ari"\nevents_disallowed = ["ChannelVarset", "StasisStart"]',
        "StasisStart is needed by the gateway itself",
    ),
}


@pytest.mark.parametrize(("text", "fault"), ASTERISK_FAULTS.values(), ids=ASTERISK_FAULTS)
def test_faults_of_an_asterisk(folder, text, fault):
    told = faults(folder, f'[[asterisk]]\npassword_file = "password"\n{text}\n[[auth.jwt]]\nkey_file = "jwt.key"')
    assert len(told) == 1
    assert fault in told[0]


def test_one_application_on_one_asterisk_has_one_owner(folder):
    second = '[[asterisk]]\nname = "b"\nurl = "http://127.0.0.1:8088/ari/"\npassword_file = "password"\n'
    assert "is used by pbx already" in faults(folder, second.join(["", GOOD]).replace(second, "") + second)[0]


FILES = {
    "password": ('password_file = "password"', 'password_file = "pipe"'),
    "key": ('key_file = "jwt.key"', 'key_file = "pipe"'),
    "key set": ('key_file = "jwt.key"', 'algorithm = "ES256"\njwks_file = "pipe"'),
    "CA": ('password_file = "password"', 'password_file = "password"\nca_file = "pipe"'),
    "certificate": ("[[auth.jwt]]", '[server]\ntls_certificate = "pipe"\ntls_key = "jwt.key"\n[[auth.jwt]]'),
    "script": ("[[auth.jwt]]", '[scripts]\nfiles = ["pipe"]\n[[auth.jwt]]'),
    "Janus script": ("[[auth.jwt]]", '[[janus.lua]]\nscript = "pipe"\n[[auth.jwt]]'),
    "policy": ("[[auth.jwt]]", '[auth]\npolicy = "pipe"\n[[auth.jwt]]'),
}


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
@pytest.mark.parametrize(("given", "instead"), FILES.values(), ids=FILES)
def test_what_is_no_regular_file_is_refused_and_never_waited_for(folder, given, instead, kind):
    make = {"pipe": os.mkfifo, "folder": Path.mkdir, "device": lambda path: path.symlink_to("/dev/zero")}
    make[kind](folder / "pipe")
    assert given in GOOD
    (told,) = faults(folder, GOOD.replace(given, instead))
    assert "is a folder, a pipe or a device" in told


def test_a_configuration_that_is_a_pipe_is_refused(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(ConfigError, match="is a folder, a pipe or a device"):
        load(folder / "pipe", {}, {})


def test_a_variable_with_one_underscore_too_few_is_told(folder):
    env = {"ARIBRIDGE_SERVER_LISTEN": "0.0.0.0:1", "ARIBRIDGE_SERVICE_HOST": "10.0.0.1", "ARIBRIDGE_STATE": "/s"}
    with pytest.raises(ConfigError) as error:
        load(write(folder, GOOD), env, {})
    (problem,) = error.value.problems
    assert problem.where == "$ARIBRIDGE_SERVER_LISTEN"
    assert "ARIBRIDGE_SERVER__LISTEN" in problem.text


def test_a_file_from_notepad_is_read(folder):
    path = write(folder, GOOD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(path, {}, {}).asterisk[0].password == PASSWORD


@pytest.mark.parametrize(
    "url", ["stun:a", "stuns:a.example:5349", "turn:192.0.2.1:3478?transport=udp", "turns:a:65535?transport=tcp"]
)
def test_ice_servers_as_browsers_have_them(folder, url):
    server = f'{{urls = ["{url}"], username = "u", credential = "c"}}'
    assert load(write(folder, f"{GOOD}[webrtc]\nice_servers = [{server}]\n"), {}, {}).webrtc.ice_servers


def test_faults_of_variables_and_flags_name_them(folder):
    env = {"ARIBRIDGE_SERVR__LISTEN": "a:1", "ARIBRIDGE_ASTERISK__5__URL": "x", "ARIBRIDGE_LIMITS__FRAME": "big"}
    assert faults(folder, GOOD, env, {"server.admin": "x"}) == [
        "$ARIBRIDGE_ASTERISK__5__URL: asterisk.5.url: there is no element 1 yet; elements count from 0 without holes.",
        '$ARIBRIDGE_LIMITS__FRAME: limits.frame: expected a whole number, got "big". The default is 65536 bytes.',
        "$ARIBRIDGE_SERVR__LISTEN: servr: unknown key. Did you mean server?",
        '--set: server.admin: expected host:port, such as "127.0.0.1:8188" or "[::1]:8188", '
        'got "x": host and port are both needed.',
    ]


def test_files_that_are_not_there_or_not_text(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "gone.toml", {}, {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "binary.toml", {}, {})


def test_finds_the_file_of_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aribridge.toml").write_text("")
    assert find() == Path("aribridge.toml")


def test_lines_of_nested_keys_and_of_values_over_several_lines():
    text = '''\
a = """
b = 1
"""
c = [
  1, # ]
  2,
]
# [x]
[t.u] # comment
"q.r" = 'v'
d.e = 1
[[l]]
k = 1
[[l.m]]
n = 1
[[l]]
k = 2
[l.o]
p = { q = 1 }
'''
    lines = key_lines(text)
    assert {path: line for path, line in lines.items() if not isinstance(path[-1], int)} == {
        ("a",): 1,
        ("c",): 4,
        ("t", "u"): 9,
        ("t", "u", "q.r"): 10,
        ("t", "u", "d"): 11,
        ("t", "u", "d", "e"): 11,
        ("l", 0, "k"): 13,
        ("l", 0, "m", 0, "n"): 15,
        ("l", 1, "k"): 17,
        ("l", 1, "o"): 18,
        ("l", 1, "o", "p"): 19,
        ("l", 1, "o", "p", "q"): 19,
    }


@given(st.text() | st.from_regex(r"[0-9.\[\]:-]+", fullmatch=True), st.sampled_from([host_and_port, port_range]))
def test_addresses_are_split_or_refused(text, split):
    with contextlib.suppress(ValueError):
        assert 0 <= split(text)[1] <= 65535
