"""What each request to a handle does; they run in its lane, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from aribridge.janus import refusals
from aribridge.janus.errors import Code, JanusError, from_problem
from aribridge.janus.handles import Handle
from aribridge.janus.jsep import parse_candidates, parse_jsep
from aribridge.janus.requests import Request
from aribridge.protocol.problems import Problem

log = structlog.get_logger("aribridge.janus")

REQUEST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Done:
    """The reply to a request, and what comes after it was sent."""

    reply: Mapping[str, Any]
    then: Callable[[], Awaitable[None]] | None = None


async def run(request: Request, handle: Handle, reply: Callable[[Mapping[str, Any]], None]) -> None:
    """Carry out a request and reply, whatever happens."""
    try:
        done = await _perform(request, handle)
    except asyncio.CancelledError:
        reply(request.error(_gone()))
        raise
    try:
        reply(done.reply)
    except (TypeError, ValueError):
        log.exception("reply.not_json", request=request.name, handle=handle.id, plugin=handle.package)
        reply(request.error(_failed(request, handle)))
    if done.then is not None:
        await done.then()


async def _perform(request: Request, handle: Handle) -> Done:
    try:
        if handle.released:
            raise _gone()
        async with asyncio.timeout(REQUEST_SECONDS):
            return await _HANDLERS[request.name](request, handle)
    except JanusError as error:
        refusals.note(error, handle.address, handle.principal, message=request.name)
        return Done(request.error(error))
    except Problem as problem:
        refusals.note(problem, handle.address, handle.principal, message=request.name)
        return _refused(request, handle, problem)
    except TimeoutError:
        reason = f"{handle.package} did not answer within {REQUEST_SECONDS:.0f} s; try again."
        return Done(request.error(JanusError(Code.MESSAGE_FAILED, reason)))
    except Exception:
        log.exception("request.failed", request=request.name, handle=handle.id, plugin=handle.package)
        return Done(request.error(_failed(request, handle)))


def _gone() -> JanusError:
    return JanusError(Code.NO_HANDLE, "The handle was detached before this request was carried out.")


def _failed(request: Request, handle: Handle) -> JanusError:
    reason = f"{handle.package} failed on this {request.name}; the gateway's log says where."
    return JanusError(Code.MESSAGE_FAILED, reason)


def _refused(request: Request, handle: Handle, problem: Problem) -> Done:
    reply = request.error(from_problem(problem))
    if problem.code != "ice_restart":
        return Done(reply)
    # The client has given up its old transport, so the connection cannot live on: let it start anew.
    return Done(reply, lambda: handle.link.hang_up("ICE restart"))


async def _message(request: Request, handle: Handle) -> Done:
    jsep = parse_jsep(request.fields["jsep"]) if "jsep" in request.fields else None
    result = await handle.plugin.message(request.fields["body"], jsep, request.transaction)
    if result.kind == "sync":
        plugindata = {"plugin": handle.package, "data": result.data}
        return Done(request.reply("success", sender=handle.id, plugindata=plugindata))

    async def push() -> None:
        if result.data is not None:
            handle.push(result.data, jsep=result.jsep, transaction=request.transaction)

    return Done(request.reply("ack"), push)


async def _trickle(request: Request, handle: Handle) -> Done:
    await handle.link.add_candidates(parse_candidates(request.fields))
    return Done(request.reply("ack"))


async def _hangup(request: Request, handle: Handle) -> Done:
    return Done(request.reply("success"), lambda: handle.link.hang_up("Janus API"))


async def _detach(request: Request, handle: Handle) -> Done:
    return Done(request.reply("success"), handle.release)


_HANDLERS: Mapping[str, Callable[[Request, Handle], Awaitable[Done]]] = {
    "message": _message,
    "trickle": _trickle,
    "hangup": _hangup,
    "detach": _detach,
}
