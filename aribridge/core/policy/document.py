"""What a policy file may say. ``config`` reads TOML into these classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aribridge.core.settings import setting

On = Literal["own", "tenant", "any"]


@dataclass
class RuleSettings:
    """One rule of a role: it allows operations on some objects, with some parameters."""

    allow: list[str] = setting([], "ARI operations that it allows, as globs on operation ids.", "glob")
    on: On = setting(
        "own", "own: calls with the token's endpoints, and what the subject made; tenant: of its tenant; any: all."
    )
    contexts: list[str] = setting([], "Dialplan contexts into which calls may be sent.", "glob")
    endpoints: list[str] = setting([], "Endpoints that may be called besides the token's own.", "glob")
    apps: list[str] = setting([], "Stasis applications besides the gateway's own.", "glob")
    functions: list[str] = setting([], 'Dialplan functions as variables, such as "CALLERID(*)".', "glob")


@dataclass
class RoleSettings(RuleSettings):
    """One role ([roles.<name>]); its own keys are its first rule."""

    deny: list[str] = setting([], "Operations that no rule of this role allows.", "glob")
    rules: list[RuleSettings] = field(default_factory=list, metadata={"doc": "A further rule."})


@dataclass
class TenantSettings:
    """What belongs to one tenant ([tenants.<name>])."""

    endpoints: list[str] = setting([], "Its endpoints, TECH/resource.", "glob")
    contexts: list[str] = setting([], "Its dialplan contexts.", "glob")
    recordings: list[str] = setting([], "Names of its recordings.", "glob")
    mailboxes: list[str] = setting([], "Its mailboxes.", "glob")
    devices: list[str] = setting([], "Its device states, besides those of its endpoints.", "glob")


@dataclass
class PolicySettings:
    """A whole policy file."""

    tenant_variable: str = setting("", "Channel variable that names a call's tenant (channelvars in ari.conf).")
    roles: dict[str, RoleSettings] = field(default_factory=dict, metadata={"doc": "A role."})
    tenants: dict[str, TenantSettings] = field(default_factory=dict, metadata={"doc": "What belongs to a tenant."})
