"""Keyed commands that the gateway itself gives up."""

import asyncio
from pathlib import Path

import pytest
from models.commands import ModelGateway

from aribridge.core.idempotency import Key
from aribridge.protocol.problems import Problem

KEY = Key("alice", None, "pbx", "channels.originate", "k")


def test_who_joined_a_command_that_was_given_up_is_told_and_so_is_who_asks_later():
    gateway = ModelGateway(Path("unused"))
    keyed, tasks = gateway.hub.keyed, []

    async def never(_):
        await asyncio.Event().wait()

    def ask():
        tasks.append(asyncio.get_running_loop().create_task(keyed.run(KEY, b"", 60.0, never)))

    try:
        for _ in range(2):
            gateway.do(ask)
        gateway.do(tasks[0].cancel)
        gateway.do(ask)
        first, joined, later = tasks
        assert first.cancelled()
        assert joined.result().error.outcome == "unknown"
        with pytest.raises(Problem) as refused:
            later.result()
        assert refused.value.code == "outcome_unknown"
    finally:
        gateway.close()
