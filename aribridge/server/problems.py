"""Problems over HTTP: as answers (RFC 9457), and as pages that say what a code means and how to mend it."""

from __future__ import annotations

import math
from html import escape

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from aribridge.core.principal import Principal
from aribridge.obs.refusals import refused
from aribridge.protocol.problems import KINDS, Problem, ProblemKind

log = structlog.get_logger("aribridge.server")

PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal")
"""Under which a request keeps who sent it, once that is known."""

_CLIENT_LEFT = 499
"""Told to nobody; as others log it."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} - aribridge</title>
<link rel="stylesheet" href="../console/console.css"></head>
<body class="page"><main><p><code>{code}</code> · {status}</p><h1>{title}</h1>
<h2>What it means</h2><p>{cause}</p><h2>How to mend it</h2><p>{remedy}</p></main></body></html>
"""


def problem_response(problem: Problem) -> web.Response:
    """An answer of type application/problem+json."""
    response = web.Response(
        status=problem.status,
        body=msgspec.json.encode(problem.to_error()),
        content_type="application/problem+json",
    )
    if problem.code == "unauthorized":
        response.headers["WWW-Authenticate"] = "Bearer"
    if problem.retry == "after":
        response.headers["Retry-After"] = str(max(1, math.ceil(problem.after_ms / 1000)))
    return response


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem answer; the log gets what clients must not see."""
    try:
        return await handler(request)
    except Problem as problem:
        _audit(request, problem)
        return problem_response(problem)
    except (web.HTTPNotFound, web.RequestPayloadError) as error:
        return problem_response(_fault(request, error))
    except web.HTTPMethodNotAllowed as error:
        detail = f"{request.method[:20]} is not for this address; {', '.join(sorted(error.allowed_methods))} is."
        response = problem_response(Problem("method_not_allowed", detail))
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return response
    except web.HTTPException:
        raise
    except Exception:
        if request.transport is None or request.transport.is_closing():
            # Whoever left before the answer gets none; that this failed is no failure of ours.
            return web.Response(status=_CLIENT_LEFT)
        log.exception("http.failed", method=request.method, path=request.path)
        return problem_response(Problem("internal", "The gateway failed on this request."))


def _fault(request: web.Request, error: Exception) -> Problem:
    if isinstance(error, web.RequestPayloadError):
        return Problem("bad_message", "The body is not what its headers say, such as Transfer-Encoding.")
    return Problem("not_found", f"There is nothing under {request.path[:200]}.")


def _audit(request: web.Request, problem: Problem) -> None:
    """What was refused goes on record, with the template of its address: what is in the place of names may be long."""
    resource = request.match_info.route.resource
    door = f"{request.method[:20]} {resource.canonical if resource is not None else ''}"
    refused(problem, door, request.remote or "", request.get(PRINCIPAL))


async def page(request: web.Request) -> web.Response:
    """GET /problems/<code>."""
    kind = KINDS.get(request.match_info["code"])
    if kind is None:
        raise Problem("not_found", f"No problem has this code; known are {', '.join(KINDS)}.")
    return web.Response(text=_render(kind), content_type="text/html")


def _render(kind: ProblemKind) -> str:
    fields = {name: escape(str(getattr(kind, name))) for name in ("title", "code", "status", "cause", "remedy")}
    return _PAGE.format(**fields)
