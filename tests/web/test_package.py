"""The npm package: complete, typed, in step with the gateway."""

from __future__ import annotations

import tarfile
from pathlib import Path

from real.machine import NPM, ROOT, program
from web.kit import WEB, run

import aribridge
from aribridge.asterisk.install import install
from aribridge.protocol.problems import KINDS
from aribridge.web.reference import filled
from aribridge.web.typescript import declarations

SAMPLE = """
import { connect, AriError, type Channel } from "aribridge";
const bridge = await connect({ url: "https://gateway.example", token: async () => "t" });
const { ari } = bridge;
const channel: Channel = await ari.channels.originate({ endpoint: "PJSIP/200", extension: "600" }, { timeout: 3000 });
ari.on("StasisStart", ({ channel, args }) => { const text: string = channel.name + args[0]; });
ari.on("*", (event, meta) => { const seq: number = meta.seq; const type: string = event.type; });
ari.on("AnEventOfALaterAsterisk", (event) => event.timestamp);
ari.off("StasisEnd", ({ channel }) => channel.id);
const subscription = await bridge.subscribe({ filter: { type: ["Stasis*"] }, onGap: ({ reason }) => reason.length });
subscription.close();
await ari.channels.snoopChannel({ channelId: channel.id, spy: "both" });
await ari.channels.play({ channelId: channel.id, media: ["sound:one", "sound:two"] });
const pong: string = (await ari.asterisk.ping()).ping;
// @ts-expect-error: endpoint is required
await ari.channels.originate({ extension: "600" });
// @ts-expect-error: no such direction
await ari.channels.mute({ channelId: "1", direction: "up" });
// @ts-expect-error: no such operation
await ari.channels.hungup({ channelId: "1" });
try { await bridge.call("asterisk.ping"); } catch (error) { if (error instanceof AriError) error.outcome; }
"""


def test_the_tarball_has_what_it_needs_and_no_more(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    modules = {f"client/{path.name}" for path in (WEB / "client").glob("*.js")}
    assert names == {"package.json", "README.md", "LICENSE", "aribridge.js", "aribridge.d.ts", "ari.d.ts", *modules}


def test_version_and_license_are_the_gateways(tarball: Path) -> None:
    assert tarball.name == f"aribridge-{aribridge.__version__}.tgz"
    assert (WEB / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


async def test_the_types_hold(project: Path) -> None:
    (project / "sample.ts").write_text(SAMPLE)
    options = ("--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022")
    tsc = NPM / "node_modules/typescript/bin/tsc"
    await run(program("node"), tsc, *options, "sample.ts", cwd=project)


def test_the_types_are_those_of_asterisks_description() -> None:
    made = declarations(install("22").data / "rest-api")
    committed = (WEB / "ari.d.ts").read_text()
    # Debian may bring a later Asterisk than the one that the file was made from; its header says which.
    if made.partition("\n")[0] == committed.partition("\n")[0]:
        assert made == committed, "run python -m aribridge.web.typescript, see its docstring"
    assert "originate(" in made
    assert "interface StasisStart extends Event" in made


def test_the_protocol_page_lists_what_the_code_does() -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    assert page == filled(page), "run python -m aribridge.web.reference docs/protocol.md"
    assert all(f"| `{code}` |" in page for code in KINDS)
