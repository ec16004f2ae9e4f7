"""Every setting of the gateway, with its default, meaning and unit.

The one place where settings are defined: ``config`` reads TOML and the environment into these classes, ``aribridge
init`` writes them out as a commented file, and each part of the gateway is handed its own section.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


def setting(default: Any, doc: str, unit: str = "", *, secret: bool = False) -> Any:
    """Define a setting: its default, a sentence about it, the unit of its value."""
    metadata = {"doc": doc, "unit": unit, "secret": secret}
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


def section(kind: Any, doc: str) -> Any:
    """Define a subsection."""
    return field(default_factory=kind, metadata={"doc": doc})


@dataclass
class ServerSettings:
    """Where clients connect."""

    listen: str = setting(
        "127.0.0.1:8188", "Address for browsers: HTTP, WebSocket, the Janus API, the console.", "host:port"
    )
    admin: str = setting("127.0.0.1:8189", "Address for operators: /healthz /readyz /metrics /version.", "host:port")
    asterisk: str = setting(
        "127.0.0.1:8190",
        'Address for Asterisks that open the event socket themselves (link = "outbound"); not used without one.',
        "host:port",
    )
    origins: list[str] = setting(
        [], "Origins of web pages that may use the gateway from a browser.", "scheme://host[:port]"
    )
    tls_certificate: str = setting(
        "", "Certificate chain in PEM, for https and wss on server.listen; empty: a proxy in front does TLS.", "path"
    )
    tls_key: str = setting("", "Private key of the certificate in PEM, mode 0600.", "path")
    public_url: str = setting(
        "", "URL under which clients reach server.listen through a proxy, path prefix included.", "base URL"
    )
    trusted_proxies: list[str] = setting(
        [],
        "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; limits by address need it behind a proxy.",
        "IP address or network",
    )
    console: bool = setting(False, "Serve the operator console on /.")
    drain_seconds: float = setting(
        5.0, "How long in-flight requests and call flows may take to finish when the gateway stops.", "seconds"
    )


@dataclass
class WebRtcSettings:
    """Peer connections: addresses, ports, time limits."""

    udp: str = setting(
        "",
        "UDP port for all peers, or a range with a port for each; empty: the port of server.listen.",
        "port or first-last",
    )
    bind: list[str] = setting(
        [],
        "Addresses of this machine to use; empty: the host of server.listen, all of them for 0.0.0.0 or ::.",
        "IP address",
    )
    public: list[str] = setting(
        [], "Addresses to announce instead of the bound ones, where a NAT forwards the UDP port.", "IP address"
    )
    ice_servers: list[dict[str, Any]] = setting(
        [],
        "STUN and TURN servers told to clients, and used by the gateway: "
        '{ urls = ["turn:turn.example.com:3478"], username = "…", credential = "…" }.',
        secret=True,
    )
    connect_seconds: float = setting(
        15.0, "Time for a peer to connect and open a data channel, after which it is dropped.", "seconds"
    )
    consent_seconds: float = setting(8.0, "Silence after which a peer counts as dead (at most 10).", "seconds")
    peers: int = setting(10_000, "Most peer connections at once.")
    handshakes: int = setting(1000, "Most peers at once that have yet to connect.")
    address_handshakes: int = setting(200, "Most of them from one address.")
    channels: int = setting(
        64, "Most data channels of one peer, which may open twice as many in a row, then ten a second."
    )
    fast_path: bool = setting(
        True, "Several messages to a packet, fewer acknowledgements; false: data channels as aiortc has them."
    )


@dataclass
class AsteriskSettings:
    """One Asterisk ([[asterisk]], repeated for several)."""

    name: str = setting("pbx", "What clients and scripts call this Asterisk.")
    url: str = setting("", "Base URL of its ARI, such as http://127.0.0.1:8088/ari.", "URL")
    user: str = setting("aribridge", "User of ari.conf.")
    password: str = setting("", "Password of that user; better in a file or in the environment.", secret=True)
    password_file: str = setting("", "File that holds the password, mode 0600.", "path")
    app: str = setting("aribridge", "Stasis application of the gateway on this Asterisk; its own alone.")
    link: Literal["inbound", "outbound"] = setting(
        "inbound",
        "Who opens the event socket, in Asterisk's words: inbound: the gateway; outbound: Asterisk (from 20.15, 21.10"
        " and 22.5 on), which keeps the events of a restart of the gateway.",
    )
    events: Literal["all", "app"] = setting(
        "all",
        "all: events of every channel, bridge and endpoint, and of every device where Asterisk is older than 20 (later "
        "ones lock up over that); app: of what is in the application.",
    )
    events_disallowed: list[str] = setting(
        [],
        "Types of events that Asterisk is not to send, such as ChannelVarset; not those that the state of calls is kept"
        " by.",
    )
    standby: bool = setting(
        False, "Leave app to another gateway until `aribridge takeover`, or until nobody had it for 20 seconds."
    )
    sweep_seconds: float = setting(
        300.0,
        "Time after which bridges, snoops and external media are removed that the gateway made and nobody uses or owns"
        " any more; 0: never.",
        "seconds",
    )
    timeout: float = setting(10.0, "Time for Asterisk to answer a command.", "seconds")
    commands: Literal["auto", "http"] = setting(
        "auto",
        "auto: quick commands by WebSocket, in lanes of their own, where Asterisk has that without a known advisory"
        " (from 20.20.1, 22.10.1 and 23.4.1 on), the others by HTTP; http: all by HTTP.",
    )
    connections: int = setting(16, "HTTP connections for commands (Asterisk's sessionlimit bounds all of its clients).")
    ca_file: str = setting("", "CA certificate to trust for https; empty: the system's.", "path")


@dataclass
class JwtSettings:
    """One key that signs tokens ([[auth.jwt]], repeated for several)."""

    algorithm: Literal["HS256", "RS256", "ES256", "EdDSA"] = setting(
        "HS256", "Signature algorithm; a token with another one is refused."
    )
    key_file: str = setting("", "The secret (HS256, 32 bytes or more) or the public key in PEM.", "path")
    jwks_url: str = setting(
        "",
        "Instead: where an identity provider publishes its public keys (JWK Set), fetched and kept fresh.",
        "https URL",
    )
    jwks_file: str = setting("", "Instead: a file with such a set.", "path")
    jwks_keep_seconds: float = setting(
        86400.0, "How long the keys of jwks_url are good when they cannot be fetched anew.", "seconds"
    )
    audience: str = setting("", "Required aud claim; empty: none is required, and a token that has one is refused.")
    issuer: str = setting("", "Required iss claim; empty: not checked.")


@dataclass
class ClaimSettings:
    """Where a token says what; a dot leads into an object, such as realm_access.roles."""

    sub: str = setting("sub", "Claim with the subject.")
    tenant: str = setting("tenant", "Claim with the tenant.")
    roles: str = setting("roles", "Claim with the list of roles.")
    endpoints: str = setting("endpoints", "Claim with the list of endpoints.")
    ops: str = setting("ops", "Claim with the list of operations; empty: no token grants operations by itself.")


@dataclass
class JanusTokenSettings:
    """One stored token of the Janus API ([[auth.janus.tokens]], repeated for several)."""

    name: str = setting("", "What logs, scripts and `token revoke` call it: the subject janus:NAME.")
    token_file: str = setting("", "File with the token, mode 0600.", "path")
    plugins: list[str] = setting([], "Plugins that it may attach to; empty: all.")
    roles: list[str] = setting([], "Roles of the policy that it has; empty: none.")
    ops: list[str] = setting([], "ARI operations that it allows without conditions, as globs; empty: none.", "glob")


@dataclass
class JanusAuthSettings:
    """Janus API credentials."""

    api_secret_file: str = setting("", "File with the static apisecret; empty: none.", "path")
    token_secret_file: str = setting("", "File with the secret of Janus's HMAC-signed tokens; empty: none.", "path")
    roles: list[str] = setting([], "Roles of the policy that the apisecret and signed tokens have; empty: none.")
    ops: list[str] = setting(
        [], "ARI operations that these two allow without conditions, as globs; empty: none.", "glob"
    )
    tokens: list[JanusTokenSettings] = field(
        default_factory=list, metadata={"doc": "A token that is known to both sides, as Janus's add_token stores them."}
    )


@dataclass
class AuthSettings:
    """Who gets in. Nothing configured: nobody."""

    jwt: list[JwtSettings] = field(default_factory=list, metadata={"doc": "A key that signs tokens (JWT)."})
    policy: str = setting("", "File that says what each role may do; empty: the one that the gateway brings.", "path")
    leeway: float = setting(10.0, "Clock difference allowed when token times are checked.", "seconds")
    claims: ClaimSettings = section(ClaimSettings, "Names of the claims that are read.")
    janus: JanusAuthSettings = section(JanusAuthSettings, "Janus API credentials.")


@dataclass
class JanusLuaSettings:
    """One script written for Janus's Lua plugin ([[janus.lua]], repeated for several)."""

    script: str = setting("", "The script; a plugin named by its getPackage, else janus.plugin.lua.", "path")
    config: str = setting("", "What its init gets; empty: nil.", secret=True)
    path: list[str] = setting([], "Folders of the modules that it requires, besides its own.", "path")
    http_allow: list[str] = setting(
        [],
        "Hosts that its socket.http may reach, such as 127.0.0.1:8088 or *.example.com; without a port, 80 and 443 are"
        " meant; empty: none.",
        "glob",
    )


@dataclass
class JanusSettings:
    """The Janus API door."""

    session_seconds: float = setting(60.0, "A session without activity ends after this.", "seconds")
    reclaim_seconds: float = setting(
        30.0,
        "A session whose connection dropped can be claimed for this long; its events are kept meanwhile.",
        "seconds",
    )
    sessions: int = setting(10_000, "Most sessions at once.")
    subject_sessions: int = setting(1000, "Most sessions of one subject at once.")
    handles: int = setting(16, "Most handles of one session.")
    queue: int = setting(1000, "Most events kept for a session that nobody reads.", "events")
    lua: list[JanusLuaSettings] = field(
        default_factory=list, metadata={"doc": "A script written for Janus's Lua plugin; docs/janus-lua.md."}
    )


@dataclass
class ScriptSettings:
    """Lua scripts in the path of commands and events."""

    files: list[str] = setting(
        ["stock:main.lua"],
        "Scripts, asked in this order; stock: is the folder of Lua files that the gateway brings.",
        "path",
    )
    hook_seconds: float = setting(10.0, "Longest time for one run of a hook.", "seconds")
    budget_ms: int = setting(40, "Most CPU time between two yields of a hook.", "milliseconds")
    memory_mb: int = setting(64, "Most memory of one script.", "MiB")
    kv_mb: int = setting(10, "Most that one script may keep in bridge.kv.", "MiB")
    http_allow: list[str] = setting(
        [],
        "Hosts that bridge.http may reach, such as crm.example.com, *.example.com:8443, 127.0.0.1:*; without a port, "
        "80 and 443 are meant; empty: none.",
        "glob",
    )
    unhandled_after: float = setting(
        10.0,
        "Time after which a call that neither a script nor a client took goes on in the dialplan; only where a script"
        " defines on_call.",
        "seconds",
    )
    on_failure: Literal["continue", "hangup"] = setting(
        "continue",
        "What becomes of a call whose script fails: continue: it goes on in the dialplan, with ARIBRIDGE_RESULT set.",
    )


@dataclass
class StreamSettings:
    """What is kept of each Asterisk's events, for clients that come back."""

    history_events: int = setting(20_000, "Most events kept.", "events")
    history_bytes: int = setting(67_108_864, "Most memory for the events kept.", "bytes")
    history_seconds: float = setting(600.0, "How long an event is kept.", "seconds")


@dataclass
class LimitSettings:
    """Bounds for each connection, and for all that come from one subject, tenant or address."""

    frame: int = setting(65536, "Largest message that a client may send.", "bytes")
    inflight: int = setting(64, "Requests of one connection at once.")
    subscriptions: int = setting(32, "Subscriptions of one connection.")
    depth: int = setting(64, "How deep the JSON of a message may be nested.", "levels")
    connections: int = setting(10_000, "Connections at once.")
    subject_connections: int = setting(1000, "Connections of one subject at once.")
    address_connections: int = setting(
        2000, "Connections from one address at once; behind a proxy see server.trusted_proxies."
    )
    rate: float = setting(
        5000.0,
        "What each connection, subject, tenant and address may ask for in a second: a read costs 1, a write 5, an"
        " offer of a peer connection 25, an originate 100.",
        "cost per second",
    )
    burst: int = setting(10_000, "What each of them may ask for at once, after a pause.", "cost")
    handshakes: int = setting(
        1000,
        "Connections at once that have yet to send a request or have sent one and stay, and WebSockets that have yet to"
        " say hello.",
    )
    address_handshakes: int = setting(200, "WebSockets from one address at once that have yet to say hello.")
    header_seconds: float = setting(
        10.0, "Time for a connection to send its first request, the TLS handshake apart.", "seconds"
    )
    hello_seconds: float = setting(10.0, "Time for a connection without a Bearer token to say hello.", "seconds")
    expiry_seconds: float = setting(
        5.0,
        "Time after a token's end in which a fresh one saves the connection or Janus session; all else is refused.",
        "seconds",
    )
    outbox_messages: int = setting(10_000, "Messages that may wait for a slow client, after which it is dropped.")
    outbox_bytes: int = setting(8_388_608, "Bytes that may wait for a slow client, after which it is dropped.", "bytes")
    request_seconds: float = setting(30.0, "Longest timeout_ms that a client may ask for.", "seconds")
    ping_seconds: float = setting(25.0, "Time between two pings to a client that said hello.", "seconds")
    pong_seconds: float = setting(10.0, "Time for a client to answer a ping.", "seconds")


@dataclass
class LogSettings:
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least severity that is logged.")
    format: Literal["auto", "console", "json"] = setting(
        "auto", "console for people, json for machines; auto: console on a terminal."
    )


@dataclass
class AuditSettings:
    """The audit log: JSON lines, docs/operations.md."""

    enabled: bool = setting(True, "Write it.")
    file: str = setting("", "Its file, mode 0600; empty: audit/audit.jsonl in the state folder.", "path")
    reads: bool = setting(False, "Also commands that only read; what is refused is written in any case.")
    days: int = setting(90, "How long a line is kept; it goes with its file, at most a day later.", "days")
    file_mb: int = setting(64, "Size at which a new file is begun; each day has one of its own in any case.", "MiB")
    total_mb: int = setting(4096, "Most disk space for all of them; the oldest file goes first.", "MiB")


@dataclass
class Settings:
    """The whole configuration."""

    server: ServerSettings = section(ServerSettings, "Where clients connect.")
    webrtc: WebRtcSettings = section(WebRtcSettings, "Peer connections: addresses, ports, limits.")
    asterisk: list[AsteriskSettings] = field(
        default_factory=list, metadata={"doc": "One Asterisk that the gateway connects to."}
    )
    auth: AuthSettings = section(AuthSettings, "Who gets in. With no key and no secret nobody does.")
    janus: JanusSettings = section(JanusSettings, "The Janus API door.")
    scripts: ScriptSettings = section(ScriptSettings, "Lua scripts in the path of commands and events.")
    stream: StreamSettings = section(
        StreamSettings, "What is kept of each Asterisk's events, for clients that come back."
    )
    limits: LimitSettings = section(LimitSettings, "Bounds for connections and for who opens them.")
    log: LogSettings = section(LogSettings, "The log, on standard error.")
    audit: AuditSettings = section(AuditSettings, "The audit log: who did what, by which rule; docs/operations.md.")
    state: str = setting(
        "",
        "Folder for what the gateway remembers; empty: /var/lib/aribridge for a configuration in /etc/aribridge, else "
        "$XDG_STATE_HOME/aribridge.",
        "path",
    )
