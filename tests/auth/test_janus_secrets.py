"""Secrets of the Janus API that change while the gateway runs: all of them by one reload, or none."""

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
from real.gateway import target
from real.planted import KNOWN
from real.wait import until

from aribridge.auth.janus import sign

PLUGIN = "janus.plugin.echotest"


class Secrets:
    """The files, and credentials by what is or was in them, by its edition."""

    def __init__(self, folder):
        self.files = {name: folder / name for name in ("api", "signing", "stored")}
        self.write(1)

    def secret(self, name, edition):
        return f"Zq9-{name}-secret-{edition}"

    def write(self, edition):
        for name, file in self.files.items():
            KNOWN[self.secret(name, edition)] = f"{name} of Janus"
            file.write_text(self.secret(name, edition) + "\n")
            file.chmod(0o600)

    def credentials(self, edition):
        """A way in by each."""
        signed = f"{int(time.time()) + 600},janus,{PLUGIN}"
        return {
            "api": {"apisecret": self.secret("api", edition)},
            "signing": {"token": sign(self.secret("signing", edition).encode(), signed)},
            "stored": {"token": self.secret("stored", edition)},
        }

    def settings(self, *others):
        stored = [{"name": name, "token_file": str(self.files["stored"])} for name in ("wallboard", *others)]
        janus = {"api_secret_file": str(self.files["api"]), "token_secret_file": str(self.files["signing"])}
        return {"janus": {**janus, "tokens": stored}}


@pytest.fixture
def secrets(tmp_path):
    return Secrets(tmp_path)


@pytest.fixture
async def gateway(gateways, asterisk22, secrets):
    return await gateways.start(target(asterisk22), auth=secrets.settings())


@asynccontextmanager
async def janus(gateway):
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{gateway.url}/janus", protocols=["janus-protocol"]) as socket,
    ):

        async def ask(name, **fields):
            await socket.send_json({"janus": name, "transaction": "t", **fields})
            return await socket.receive_json(timeout=30)

        yield ask


async def let_in(gateway, credentials):
    """Which of these make a session."""
    async with janus(gateway) as ask:
        replies = {name: await ask("create", **one) for name, one in credentials.items()}
    return {name for name, reply in replies.items() if reply["janus"] == "success"}


async def reload(gateway):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aribridge", "reload", "-c", str(gateway.config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()


async def test_a_reload_puts_new_secrets_in_force_and_sessions_stay(gateway, secrets):
    old, new = secrets.credentials(1), secrets.credentials(2)
    assert await let_in(gateway, old) == {"api", "signing", "stored"}
    async with janus(gateway) as ask:
        sessions = {name: (await ask("create", **old[name]))["data"]["id"] for name in ("api", "stored")}
        handle = (await ask("attach", session_id=sessions["api"], plugin=PLUGIN, **old["api"]))["data"]["id"]
        assert await let_in(gateway, new) == set()
        secrets.write(2)
        assert await let_in(gateway, new) == set()
        code, output = await reload(gateway)
        assert code == 0, output
        for file in secrets.files.values():
            assert f"changed    {file}" in output
        assert await let_in(gateway, old) == set()
        assert await let_in(gateway, new) == {"api", "signing", "stored"}
        for name, session in sessions.items():
            assert (await ask("keepalive", session_id=session, **old[name]))["error"]["code"] == 403
            assert (await ask("keepalive", session_id=session, **new[name]))["janus"] == "ack"
        assert (await ask("hangup", session_id=sessions["api"], handle_id=handle, **new["api"]))["janus"] == "success"
    code, output = await reload(gateway)
    assert (code, "changed " in output, str(secrets.files["api"]) in output) == (0, False, True)


async def signalled(gateway, event):
    """Have it reload by a signal; the line that it logs then."""
    before = len(gateway.log)
    os.kill(gateway.pid, signal.SIGHUP)
    (line,) = await until(lambda: [line for line in gateway.log[before:] if event in line], what=event)
    return json.loads(line)


async def test_a_file_that_cannot_be_used_leaves_all_as_it_was(gateway, secrets):
    secrets.write(2)
    stored = secrets.files["stored"]
    stored.write_text("\n")
    assert (await signalled(gateway, "scripts.kept"))["error"] == f"{stored} is empty"
    stored.unlink()
    assert (await signalled(gateway, "scripts.kept"))["error"] == f"{stored} No such file or directory"
    assert await let_in(gateway, secrets.credentials(1)) == {"api", "signing", "stored"}
    assert await let_in(gateway, secrets.credentials(2)) == set()
    secrets.write(2)
    assert (await signalled(gateway, "scripts.reloaded"))["changed"] == [str(file) for file in secrets.files.values()]
    assert await let_in(gateway, secrets.credentials(1)) == set()
    assert await let_in(gateway, secrets.credentials(2)) == {"api", "signing", "stored"}


async def test_a_token_of_two_names_is_refused(gateways, asterisk22, secrets):
    with pytest.raises(AssertionError, match='holds the token of "wallboard", too: give each a token of its own'):
        await gateways.start(target(asterisk22), auth=secrets.settings("kiosk"))
