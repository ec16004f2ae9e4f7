"""What of a script for Janus will not work here, by line, with what to use instead; the script is read, not run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aribridge.script.files import Sources
from aribridge.script.janus.modules import Modules
from aribridge.script.janus.runtime import MODULES
from aribridge.script.janus.script import MANDATORY

_TOKEN = re.compile(
    r"--\[(?P<a>=*)\[.*?\](?P=a)\]|--[^\n]*"  # comments
    r"|\[(?P<b>=*)\[.*?\](?P=b)\]"  # long strings
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    r"|[A-Za-z_]\w*(?:[ \t]*[.:][ \t]*[A-Za-z_]\w*)*",
    re.DOTALL,
)

_ALIAS = re.compile(r"""(\w+)[ \t]*=[ \t]*require[ \t]*\(?[ \t]*["']([\w.]+)["']""")
_DEFINITION = re.compile(r"^[ \t]*(?:local[ \t]+)?function[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*=[ \t]*function", re.MULTILINE)

_FILES = "scripts have no files: keep values with bridge.kv, log with janusLog, fetch with socket.http"
_CODE = "scripts load no code at run time: put it into a module and require that"
_MEDIA = "audio and video are not carried: it logs that once and returns -1"
_NEVER = "is never called: audio and video are not carried"
_SOCKETS = "there are no sockets: use socket.http, which keeps nobody waiting, to hosts in http_allow"

_USES = {
    "io": _FILES,
    "os.execute": "scripts start no programs: ask a service by socket.http",
    "os.getenv": "scripts do not see the environment: give what they need as config in [[janus.lua]]",
    "os.exit": "a script cannot end the gateway: closePc or endSession end what is its own",
    **dict.fromkeys(("os.remove", "os.rename", "os.tmpname"), _FILES),
    "os.setlocale": "the locale is always C",
    "debug": "there is no debug library: errors are logged with file, line and stack",
    **dict.fromkeys(("load", "loadstring", "loadfile", "dofile", "string.dump"), _CODE),
    "collectgarbage": "memory is the gateway's affair: leave it out",
    **dict.fromkeys(("package.path", "package.cpath"), "has no effect: name the folders in path of [[janus.lua]]"),
    "package.loadlib": "modules in C cannot be loaded: use one in Lua",
    **dict.fromkeys(("setBitrate", "setPliFreq", "setSubstream", "setTemporalLayer", "sendPli"), _MEDIA),
    **dict.fromkeys(("relayRtp", "relayRtcp", "startRecording", "stopRecording"), _MEDIA),
    "notifyEvent": "there are no event handlers, it does nothing: bridge.publish puts an event where clients see it",
    **dict.fromkeys(("socket.tcp", "socket.udp", "socket.connect", "socket.bind", "socket.select"), _SOCKETS),
}

_CALLBACKS = {
    **dict.fromkeys(("incomingRtp", "incomingRtcp", "slowLink", "substreamChanged", "temporalLayerChanged"), _NEVER),
    "handleAdminMessage": "is never called: there is no Admin API",
}

_MODULES_IN_C = {
    "lsqlite3": "keep values with bridge.kv",
    "luasql": "keep values with bridge.kv",
    "lfs": _FILES,
    "redis": "keep values with bridge.kv",
    "posix": "scripts have the time functions of os, and nothing else of the system",
    "ssl": 'require "ssl.https", or socket.http with a URL of https',
    "socket.unix": _SOCKETS,
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that will not work as on Janus."""

    line: int
    what: str
    instead: str


def check_janus(path: Path, source: str, folders: list[Path]) -> list[Finding]:
    """What of the script in that file will not work, by line; modules are looked for in ``folders`` and beside it."""
    found = [*_uses(source), *_modules(source, Modules([*folders, path.parent], Sources()))]
    defined = {name for name, _ in _definitions(source)}
    found += [
        Finding(1, f"{name} is missing", "define it, Janus needs it too; it may be empty")
        for name in MANDATORY
        if name not in defined
    ]
    return sorted(set(found))


def _tokens(source: str) -> Iterator[tuple[str, int, int]]:
    """Names with their dots, and strings; each with its line and the index after it."""
    line, seen = 1, 0
    for match in _TOKEN.finditer(source):
        line += source.count("\n", seen, match.start())
        seen = match.start()
        if not match.group().startswith("--"):
            yield match.group(), line, match.end()


def _uses(source: str) -> Iterator[Finding]:
    aliases = dict(_ALIAS.findall(source))
    definitions = set(_definitions(source))
    for token, line, _ in _tokens(source):
        name = re.sub(r"\s*[.:]\s*", ".", token)
        head, _, rest = name.partition(".")
        name = f"{aliases.get(head, head)}.{rest}" if rest else name
        if (name, line) in definitions:
            if instead := _CALLBACKS.get(name):
                yield Finding(line, name, instead)
        elif instead := _USES.get(name) or _USES.get(name.partition(".")[0]):
            yield Finding(line, name, instead)


def _definitions(source: str) -> Iterator[tuple[str, int]]:
    """The functions that a script defines, each with its line."""
    for match in _DEFINITION.finditer(source):
        yield match.group(1) or match.group(2), source.count("\n", 0, match.start()) + 1


def _modules(source: str, modules: Modules) -> Iterator[Finding]:
    before = ""
    for token, line, _ in _tokens(source):
        if before == "require" and token[0] in "\"'[":
            name = token.strip("\"'[]=")
            known = name in MODULES or modules.find(name)[0]
            if not known:
                instead = _MODULES_IN_C.get(name, "put its Lua files into a folder of path in [[janus.lua]]")
                yield Finding(line, f'require "{name}"', instead)
        before = token
