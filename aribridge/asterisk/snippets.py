"""What an admin pastes into an existing Asterisk so that the gateway can work with it, and how to undo it.

Sources: Asterisk's documentation of http.conf, ari.conf, modules.conf and the Stasis application; which
modules ARI needs was tried on 16.28 and 22.10.
"""

from __future__ import annotations

from dataclasses import dataclass

from aribridge.ari.versions import can_dial

# ARI depends on these since it has outbound WebSockets. Without the second the first does not merely decline to load:
# Asterisk refuses to start.
WEBSOCKET_CLIENT = ("res_websocket_client.so", "res_sorcery_config.so")
MODULES = (
    "res_http_websocket.so",
    "res_stasis.so",
    "res_stasis_answer.so",
    "res_stasis_device_state.so",
    "res_stasis_playback.so",
    "res_stasis_recording.so",
    "res_stasis_snoop.so",
    "res_ari.so",
    "res_ari_model.so",
    "res_ari_applications.so",
    "res_ari_asterisk.so",
    "res_ari_bridges.so",
    "res_ari_channels.so",
    "res_ari_device_states.so",
    "res_ari_endpoints.so",
    "res_ari_events.so",
    "res_ari_playbacks.so",
    "res_ari_recordings.so",
    "res_ari_sounds.so",
    "app_stasis.so",
)

HTTP = """\
; Where the file has a [general] section, put these lines into that one: Asterisk ignores a second.
[general]
enabled = yes
; Only the gateway needs to reach it. If it is switched on already, leave address and port as they are.
bindaddr = {host}
bindport = {port}
; The default, 100, counts every connection and every WebSocket; the gateway keeps a pool of them.
sessionlimit = 500
"""

ARI = """\
; Where the file has a [general] section, put its two lines into that one.
[general]
enabled = yes
; Milliseconds that a write to an event socket may block before Asterisk drops it. The default, 100, is too short for
; a busy moment of any client.
websocket_write_timeout = 5000

[{user}]
type = user
read_only = no
password = {password}
password_format = plain
"""

OUTBOUND = """
; Asterisk dials the gateway, and keeps the events for it while it is away. What it keeps has no bound: where the
; gateway is to be away for long, take this section out until then.
[{name}]
type = outbound_websocket
websocket_client_id = {name}
apps = {app}
; The gateway subscribes to what it needs.
subscribe_all = no
local_ari_user = {user}
"""

WEBSOCKET_CLIENT_CONF = """\
[{name}]
type = websocket_client
connection_type = persistent
; The address is server.asterisk of the gateway.
uri = {uri}
protocols = ari
username = {user}
password = {password}
; Milliseconds between two attempts, for ever.
reconnect_interval = 500
"""

EXTENSIONS = """\
; Calls come to the gateway by `Goto(aribridge,${{EXTEN}},1)` or `include => aribridge`.
[aribridge]
exten => _[+*0-9]!,1,Stasis({app})
 same => n,GotoIf($["${{STASISSTATUS}}" = "FAILED" | "${{ARIBRIDGE_RESULT}}" != ""]?nobody)
 same => n,Hangup()
; No gateway is connected (FAILED), a script failed, or nobody took the call (ARIBRIDGE_RESULT says which). Put here
; what your callers should get then: a Dial(), a queue, a voicemail.
 same => n(nobody),Congestion(5)
 same => n,Hangup(34)
"""

MODULES_NOTE = """\
; Only where the file says `autoload = no`: put what is missing into its [modules] section (Asterisk ignores a second)
; and restart Asterisk when no call is up.
"""

# `module reload` of a core part has had these names since Asterisk 12.
RELOAD = ("module reload http", "module reload res_ari.so", "dialplan reload")
RELOAD_OUTBOUND = ("module reload res_websocket_client.so", *RELOAD)
UNDO = """\
1. Take out again what you pasted: the sections [{user}]{outbound} of ari.conf, [aribridge] of extensions.conf with the
   lines that lead there, and the lines of http.conf and [general] of ari.conf if they were different before.
2. Run the same commands again: {reload}.
Calls that are up are not touched by either.
"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """`text` to paste into `file`, which is in Asterisk's configuration folder (usually /etc/asterisk)."""

    file: str
    text: str


def snippets(
    version: tuple[int, ...] | None,
    app: str,
    password: str,
    *,
    user: str = "aribridge",
    host: str = "127.0.0.1",
    port: int = 8088,
    gateway: str = "",
) -> list[Snippet]:
    """What to paste into an Asterisk of that version; None if it is not known.

    `app` is the Stasis application, `user` and `password` are the gateway's at ARI, `host` and `port` the address of
    Asterisk's HTTP server that the gateway will reach. `gateway` is the URI that Asterisk is to dial, if it is to.
    """
    ari, dialling = ARI.format(user=user, password=password), []
    if gateway:
        ari += outbound_section(gateway, app, user)
        dialling.append(Snippet("websocket_client.conf", websocket_client(gateway, user, password)))
    return [
        Snippet("http.conf", HTTP.format(host=host, port=port)),
        Snippet("ari.conf", ari),
        *dialling,
        Snippet("extensions.conf", EXTENSIONS.format(app=app)),
        Snippet("modules.conf", MODULES_NOTE + "".join(f"load = {module}\n" for module in modules(version))),
    ]


def outbound_section(gateway: str, app: str, user: str) -> str:
    """What in ari.conf has Asterisk dial the gateway; the section has the target's name, with which the URI ends."""
    return OUTBOUND.format(name=_target(gateway), app=app, user=user)


def websocket_client(gateway: str, user: str, password: str) -> str:
    """What in websocket_client.conf says whom it dials."""
    return WEBSOCKET_CLIENT_CONF.format(name=_target(gateway), uri=gateway, user=user, password=password)


def modules(version: tuple[int, ...] | None) -> tuple[str, ...]:
    """The modules that ARI and Stasis() consist of; for an unknown version, what the newest ones need."""
    if version is None or can_dial(version):
        return *WEBSOCKET_CLIENT, *MODULES
    return MODULES


def reload_commands(gateway: str = "") -> tuple[str, ...]:
    """The console commands that make a running Asterisk read it, without a restart; calls go on."""
    return RELOAD_OUTBOUND if gateway else RELOAD


def undo(user: str = "aribridge", gateway: str = "") -> str:
    """How to take it all back."""
    outbound = f" and [{_target(gateway)}]" if gateway else ""
    reload = ", ".join(f"`{command}`" for command in reload_commands(gateway))
    return UNDO.format(user=user, outbound=outbound, reload=reload)


def _target(gateway: str) -> str:
    return gateway.rpartition("/")[2]
