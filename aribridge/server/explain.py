"""POST /v1/explain on the operator's socket: may somebody do something now, by which rule, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from aiohttp import web

from aribridge.core.command import Command
from aribridge.core.principal import Principal
from aribridge.hub import Access, Targets
from aribridge.protocol.problems import Problem
from aribridge.server.bodies import read_body


class _Question(msgspec.Struct, forbid_unknown_fields=True):
    principal: Principal
    op: str
    params: dict[str, Any] = {}
    target: str | None = None


class Explainer:
    """Asks the policy in force about the calls that there are."""

    def __init__(self, targets: Targets, access: Access, depth: int) -> None:
        self._targets = targets
        self._access = access
        self._depth = depth

    def routes(self) -> list[web.RouteDef]:
        """Addresses and handlers."""
        return [web.post("/v1/explain", self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        """200 with ``allowed``, ``rule``, ``where`` and ``reason``; 4xx with ``error`` for a question that has none."""
        try:
            asked = await read_body(request, _Question, self._depth, "The question")
            target = self._targets.pick(asked.target)
            command = target.link.check(Command(target.name, asked.op, asked.params))
        except Problem as problem:
            return web.json_response({"error": problem.detail}, status=problem.status)
        return web.json_response(asdict(self._access.decide(asked.principal, command, target)))
