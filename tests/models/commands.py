"""A real hub with all that a command passes, between clients without a network and a model of an Asterisk.

What is between hub and Asterisk is the test's to decide: each command waits until it arrives, is answered, or is lost.
Time stands still until the test lets it pass.
"""

import asyncio
import json
import math
from types import SimpleNamespace

from aribridge.core.command import Answer
from aribridge.core.instance import Instance
from aribridge.core.policy.document import PolicySettings
from aribridge.core.policy.names import Names
from aribridge.core.policy.policy import Policy
from aribridge.core.policy.scopes import Scopes
from aribridge.core.principal import Principal
from aribridge.core.settings import LimitSettings, ScriptSettings
from aribridge.core.state.objects import CallState
from aribridge.core.sweep import Sweep
from aribridge.core.trace import Traces
from aribridge.hub import Access, Hub, Target, Targets
from aribridge.protocol.problems import Problem
from aribridge.script import ScriptHost

INSTANCE = Instance("aribridge-0a1b2c3d")


class Flight:
    """One command on its way; ``arrived`` is Asterisk's answer, once it has the command.

    ``ended`` is when the gateway learnt what became of it; ``proven``: it was shown that it was carried out.
    """

    def __init__(self, command, run):
        self.command, self.run = command, run
        self.arrived = self.ended = None
        self.lost = self.proven = False
        self.future = asyncio.get_running_loop().create_future()

    @property
    def did(self):
        """Whether Asterisk carried it out."""
        return self.arrived is not None and self.arrived.status < 400

    @property
    def waits(self):
        return not self.future.done()


class ModelAsterisk:
    """Calls by id. ``made`` are the ids of all calls ever made, in order; ``events`` wait to be told."""

    def __init__(self):
        self.calls, self.made, self.events = {}, [], []
        self.run = 0

    def carry_out(self, command):
        ident = command.params["channelId"]
        if command.op == "channels.originate":
            return self._originate(ident)
        if ident not in self.calls:
            return Answer(404, b'{"message":"Channel not found"}')
        if command.op == "channels.hangup":
            self.end(ident)
            return Answer(204)
        return Answer(200, json.dumps(self.calls[ident]).encode())

    def end(self, ident):
        self.events.append({"type": "ChannelDestroyed", "channel": self.calls.pop(ident)})

    def crash(self):
        self.calls.clear()
        self.events.clear()
        self.run += 1

    def _originate(self, ident):
        if ident in self.calls:
            return Answer(409, b'{"message":"Channel with given unique ID already exists"}')
        return Answer(200, json.dumps(self.make(ident)).encode())

    def make(self, ident):
        self.calls[ident] = channel = {"id": ident, "state": "Down"}
        self.made.append(ident)
        self.events.append({"type": "ChannelCreated", "channel": channel})
        return channel


class ModelLink:
    """A link that is up, whose commands are the test's."""

    app, version, up, reason, catalogue = "app", "22", True, "", None

    def __init__(self, asterisk):
        self.asterisk, self.flights = asterisk, []

    def check(self, command):
        return command

    def only_reads(self, command):
        return command.op == "channels.get"

    async def call(self, command, _seconds=None, _client=None):
        if not self.up:
            raise Problem("target_down", "no link", after_ms=1000)
        flight = Flight(command, self.asterisk.run)
        self.flights.append(flight)
        return await flight.future


class ModelClient:
    """A carrier of frames, and what came on it."""

    kind, peer, ordered, reliable, max_send = "websocket", "model", True, True, 65536

    def __init__(self, hub, principal):
        self.sent, self.open = [], True
        self.connection = hub.accept(self, principal, "192.0.2.1")

    def say(self, **message):
        self.connection.received(json.dumps(message))

    def leave(self):
        self.open = False
        self.connection.closed("left")

    def send_now(self, frames):
        assert self.open
        assert all(len(frame.encode()) <= self.max_send for frame in frames)
        self.sent += map(json.loads, frames)
        return len(frames)

    async def close(self, code, reason):
        self.open = False


def _refuse(token):
    """Clients here have authenticated already, or never do."""
    raise Problem("unauthorized", "No token is right here.")


class ModelGateway:
    """The hub, in an event loop of its own."""

    def __init__(self, folder, **limits):
        self.now = 0.0
        self.loop = asyncio.new_event_loop()
        self.loop.time = lambda: self.now
        self.asterisk = ModelAsterisk()
        self.link = ModelLink(self.asterisk)
        self.state = CallState()
        self.clients = []
        self.limits = LimitSettings(**{"inflight": 1000, "ping_seconds": 10**9} | limits)
        self._in_loop(lambda: self._start(folder))

    def connect(self, sub):
        """A client that has authenticated; None: one that has yet to."""
        principal = None if sub is None else Principal(sub, ops=("*",))
        client = self._in_loop(lambda: ModelClient(self.hub, principal))
        self.clients.append(client)
        return client

    def do(self, act):
        """Do something in the event loop, and let what it causes be over."""
        return self._in_loop(act)

    def tell(self, event):
        """An event reaches the gateway."""
        self.state.apply(event, self.now)
        self.do(lambda: self.hub.see("pbx", event))

    def read_state(self):
        """The link is back, and the call state is read anew."""
        state = CallState()
        for ident, call in self.asterisk.calls.items():
            state.put("channels", ident, call)
        self.stream.state = self.state = state

    def pass_time(self, seconds):
        self.now += seconds
        self.do(lambda: None)

    def close(self):
        async def stop():
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.loop.run_until_complete(stop())
        self.loop.close()

    def _start(self, folder):
        targets = Targets()
        position = {"epoch": "e", "seq": 0}
        self.stream = stream = SimpleNamespace(
            state=self.state, is_open=True, position=position, scopes=Scopes(Names({}))
        )
        feed = SimpleNamespace(traces=Traces())
        targets.add(Target("pbx", self.link, stream, feed, Sweep(INSTANCE, math.inf)))
        scripts = ScriptHost(ScriptSettings(), None, folder)
        self.hub = Hub(
            self.limits,
            targets,
            Access(Policy(PolicySettings()), INSTANCE),
            scripts,
            _refuse,
            server="model",
            instance=INSTANCE,
        )
        self.owners = asyncio.get_running_loop().create_task(self.hub.owners.run())

    def _in_loop(self, act):
        async def run():
            done = act()
            for _ in range(30):
                await asyncio.sleep(0)
            return done

        return self.loop.run_until_complete(run())
