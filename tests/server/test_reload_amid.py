"""Files that are written while they are loaded: nothing is loaded by halves, and the next reload sees what is new."""

import pytest
from real.certificates import make_pair

from aribridge.auth import Authenticator
from aribridge.config import load_policy
from aribridge.core.instance import Instance
from aribridge.core.settings import AuthSettings, ServerSettings, Settings
from aribridge.hub import Access, Hub, ScriptAsterisks, Targets
from aribridge.script import ScriptHost
from aribridge.server.lua_plugins import LuaPlugins
from aribridge.server.policy import PolicyFile
from aribridge.server.reload import Reloader
from aribridge.server.tls import Certificate

POLICY = '[roles.{}]\nallow = ["channels.*"]\n'


class DisturbedScripts(ScriptHost):
    """Scripts that take long enough to load for another program to write other files."""

    def load(self):
        for write in self.meanwhile:
            write()
        self.meanwhile = []
        return super().load()

    meanwhile = ()


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.format("first"))
    return path


@pytest.fixture
def pair(tmp_path):
    return make_pair(tmp_path, "first")


class Parts:
    """A reloader with all that it reloads."""

    def __init__(self, folder, policy, pair):
        settings, instance, targets = Settings(), Instance.fresh(), Targets()
        self.access = Access(load_policy(str(policy)), instance)
        asterisks, authenticator = ScriptAsterisks(targets), Authenticator(AuthSettings())
        self.scripts = DisturbedScripts(settings.scripts, asterisks, folder, instance=instance)
        asterisks.attend(self.scripts.flows)
        hub = Hub(
            settings.limits, targets, self.access, self.scripts, authenticator.bearer, server="", instance=instance
        )
        self.certificate = Certificate(ServerSettings(tls_certificate=str(pair.certificate), tls_key=str(pair.key)))
        self.reloader = Reloader(
            self.scripts,
            LuaPlugins(settings, asterisks, self.scripts, {}),
            PolicyFile(str(policy), self.access, targets, hub),
            authenticator,
            self.certificate,
        )


@pytest.fixture
async def parts(tmp_path, policy, pair):
    parts = Parts(tmp_path, policy, pair)
    yield parts
    await parts.scripts.close()


async def test_a_policy_that_is_written_amid_a_reload_is_found_by_the_next(parts, policy):
    policy.write_text(POLICY.format("second"))
    parts.scripts.meanwhile = [lambda: policy.write_text(POLICY.format("third"))]
    assert (await parts.reloader.reload()).error is None
    result = await parts.reloader.reload()
    assert (result.error, result.changed) == (None, [policy])
    assert set(parts.access.policy.roles) == {"third"}


async def test_a_policy_that_vanishes_amid_a_reload_is_missed_by_the_next(parts, policy):
    policy.write_text(POLICY.format("second"))
    parts.scripts.meanwhile = [policy.unlink]
    assert (await parts.reloader.reload()).error is None
    assert "cannot be read" in (await parts.reloader.reload()).error
    assert set(parts.access.policy.roles) == {"second"}


async def test_half_a_renewal_amid_a_reload_changes_nothing(parts, policy, pair, tmp_path):
    other = make_pair(tmp_path, "other")
    policy.write_text(POLICY.format("second"))
    parts.scripts.meanwhile = [lambda: pair.certificate.write_bytes(other.certificate.read_bytes())]
    assert (await parts.reloader.reload()).error is None
    assert set(parts.access.policy.roles) == {"second"}
    assert "is not the key of" in (await parts.reloader.reload()).error
    pair.key.write_bytes(other.key.read_bytes())
    result = await parts.reloader.reload()
    assert (result.error, result.changed) == (None, [pair.certificate, pair.key])
