"""Two tenants on one Asterisk: their contexts, the policy that tells them apart, and tokens for them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path

from flow_parts import hang_up_all
from real.gateway import target

SHIPPED = Path(__file__).parents[2] / "conf" / "policy.toml"
PHONES = (1, 2)
TENANTS = """
[tenants.acme]
endpoints = ["Local/*@acme", "PJSIP/200"]
contexts = ["acme"]
recordings = ["acme/*"]
mailboxes = ["*@acme"]
devices = ["Stasis:acme-*"]

[tenants.globex]
endpoints = ["Local/*@globex", "PJSIP/201"]
contexts = ["globex"]
recordings = ["globex/*"]
mailboxes = ["*@globex"]
devices = ["Stasis:globex-*"]
"""


@asynccontextmanager
async def two_tenants(asterisk, folder, gateways):
    """A gateway whose policy is the shipped one and two tenants, each with a context with two phones that answer."""
    for tenant in ("acme", "globex"):
        for number in PHONES:
            await asterisk.cli(f"dialplan add extension {number},1,Answer into {tenant}")
            await asterisk.cli(f"dialplan add extension {number},2,Wait,600 into {tenant}")
    policy = folder / "policy.toml"
    policy.write_text(SHIPPED.read_text() + TENANTS)
    # Strangers try everything, as fast as they can; it is the policy that is to refuse them. Meanwhile others read
    # nothing, and answer no pings.
    limits = {"rate": 1_000_000, "burst": 1_000_000, "ping_seconds": 300.0}
    try:
        yield await gateways.start(target(asterisk), auth={"policy": str(policy)}, limits=limits), policy
    finally:
        await hang_up_all(asterisk)  # strangers make calls, and bridges, where they may


def person(gateway, sub, tenant, role, **claims):
    """A token by which roles count, and nothing else."""
    endpoints = [f"Local/{number}@{tenant}" for number in PHONES]
    return gateway.token(
        **{"sub": sub, "tenant": tenant, "roles": [role], "ops": None, "endpoints": endpoints} | claims
    )
