"""`aribridge script check --janus`."""

from pathlib import Path

from click.testing import CliRunner
from real.janus import lua_folder

from aribridge.cli import main

MANDATORY = (
    "init destroy createSession destroySession querySession setupMedia hangupMedia resumeScheduler handleMessage"
)


def check(*files: Path | str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["script", "check", "--janus", *map(str, files)])
    return result.exit_code, result.output


def script(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "plugin.lua"
    file.write_text(text + "".join(f"function {name}() end\n" for name in MANDATORY.split()))
    return file


def test_it_names_line_use_and_replacement(tmp_path):
    file = script(
        tmp_path,
        'local s, lfs = require "socket", require "lfs"\n'
        "-- os.getenv in a comment, --[[ io.open ]] and more\n"
        "--[==[ io.open\n ]] over lines ]==]\n"
        'local text = "io.open" .. [[ os.execute ]]\n'
        'function save() io.open("/tmp/x", "w") end\n'
        "function later() local x = socket . tcp() sendPli(1) end\n"
        "function incomingRtp(id) end\n",
    )
    code, output = check(file)
    lines = [line.removeprefix(f"{file}:").split(": ")[:2] for line in output.splitlines()[:-1]]
    assert lines == [
        ["1", 'require "lfs"'],
        ["6", "io.open"],
        ["7", "sendPli"],
        ["7", "socket.tcp"],
        ["8", "incomingRtp"],
    ]
    assert "bridge.kv" in output
    assert code == 1


def test_an_alias_is_followed(tmp_path):
    code, output = check(script(tmp_path, "local net = require('socket')\nlocal c = net.tcp()\n"))
    assert (code, ":2: socket.tcp: " in output) == (1, True)


def test_what_is_missing_is_named(tmp_path):
    file = tmp_path / "plugin.lua"
    file.write_text("function init() end\n")
    assert "handleMessage is missing" in check(file)[1]


def test_a_script_without_faults_is_fine(tmp_path):
    (tmp_path / "helpers.lua").write_text("return {}")
    code, output = check(script(tmp_path, 'local json, own = require "json", require "helpers"\n'))
    assert (code, output) == (0, "ok\n")


def test_the_scripts_of_the_package_are_read(tmp_path):
    assert "echotest.lua:283: startRecording: " in check(lua_folder() / "echotest.lua")[1]
    assert "Traceback" not in check(lua_folder() / "videoroom.lua")[1]
