"""One rule of a role: the operations that it is for, and what it asks of each thing that a command touches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate

from aribridge.core.command import Command
from aribridge.core.instance import NAMED
from aribridge.core.policy.document import RuleSettings
from aribridge.core.policy.names import Names, endpoint_glob, is_plain_path, matcher
from aribridge.core.policy.scope import Level, Reach
from aribridge.core.policy.scopes import Scopes
from aribridge.core.policy.uses import How, Use, uses

_NAMED_ONLY = re.compile(r"recordings\..*[sS]tored.*|asterisk\.(?!get|list|ping).*")
"""Operations that only a glob grants which names their resource: ``asterisk.*``, not ``*``."""
_OWN_IDS = re.compile(r"(.*-)?[0-9]+\.[0-9]+(;[12])?")
"""What ids look like that Asterisk gives itself."""
_WHOSE = {Level.OWN: "the principal's own", Level.TENANT: "of the principal's tenant"}


class Rule:
    """A compiled rule. ``name`` and ``where`` tell people which it is."""

    def __init__(self, settings: RuleSettings, name: str, where: str) -> None:
        self.name = name
        self.where = where
        self.level = Level[settings.on.upper()]
        self.grants = grants(settings.allow)
        self._contexts = matcher(settings.contexts)
        self._endpoints = matcher(settings.endpoints, endpoint_glob)
        self._apps = matcher(settings.apps)
        self._functions = matcher(settings.functions)
        self._checks: dict[How, Callable[[Use, Reach, Scopes], str | None]] = {
            How.OBJECT: self._object,
            How.NEW: self._new,
            How.CALL: self._call,
            How.CONTEXT: self._context,
            How.VARIABLE: self._variable,
            How.SET: self._set,
            How.MEDIA: self._media,
            How.LANGUAGE: self._language,
        }

    def refusal(self, command: Command, app: str, reach: Reach, scopes: Scopes) -> str | None:
        """What of the command the rule does not allow, as a sentence; None when it allows all of it."""
        faults = (self._fault(use, app, reach, scopes) for use in uses(command))
        return next((fault for fault in faults if fault is not None), None)

    def _fault(self, use: Use, app: str, reach: Reach, scopes: Scopes) -> str | None:
        if use.how is How.APP:
            allowed = use.id == app or self._apps(use.id)
            return None if allowed else f"The application {_shown(use.id)} is another's (apps)."
        return self._checks[use.how](use, reach, scopes)

    def _object(self, use: Use, reach: Reach, scopes: Scopes) -> str | None:
        if reach.covers(self.level, scopes.of(use.kind, use.id)):
            return None
        return f"{_shown(use.id)} ({use.kind or 'unknown'}) is not {_WHOSE[self.level]}, or is not there."

    def _new(self, use: Use, reach: Reach, scopes: Scopes) -> str | None:
        if self.level is Level.ANY:
            return None
        if use.kind != "recordings" and (_OWN_IDS.fullmatch(use.id) or use.id.startswith(NAMED)):
            return f"The id {_shown(use.id)} could be one that Asterisk or the gateway gives; choose another, or none."
        if use.kind != "recordings":
            return self._object(use, reach, scopes) if scopes.knows((use.kind, use.id)) else None
        return self._new_recording(use, reach, scopes.names)

    def _new_recording(self, use: Use, reach: Reach, names: Names) -> str | None:
        tenants = names.recording(use.id)
        if is_plain_path(use.id) and (not tenants or reach.is_of_tenant(tenants)):
            return None
        return f"A recording cannot be named {_shown(use.id)} here: the name is another tenant's, or leads elsewhere."

    def _call(self, use: Use, reach: Reach, scopes: Scopes) -> str | None:
        if self.level is Level.ANY or use.id in reach.endpoints or self._endpoints(use.id):
            return None
        if self.level is Level.TENANT and reach.is_of_tenant(scopes.names.endpoint(use.id)):
            return None
        return f"The endpoint {_shown(use.id)} is not {_WHOSE[self.level]} (endpoints)."

    def _context(self, use: Use, reach: Reach, scopes: Scopes) -> str | None:
        if self.level is Level.ANY or self._contexts(use.id):
            return None
        of_tenant = reach.is_of_tenant(scopes.names.context(use.id))
        if of_tenant and (reach.divided or self.level is Level.TENANT):
            return None
        return f"Calls may not be sent into the context {_shown(use.id)} (contexts)."

    def _variable(self, use: Use, _: Reach, __: Scopes) -> str | None:
        if not re.search(r"[()]", use.id) or self._functions(use.id):
            return None
        return f"The dialplan function {_shown(use.id)} needs a grant of its own (functions)."

    def _set(self, use: Use, reach: Reach, scopes: Scopes) -> str | None:
        if self.level is not Level.ANY and scopes.names.names_tenant(use.id):
            return f"The variable {_shown(use.id)} says whose a call is."
        return self._variable(use, reach, scopes)

    def _media(self, use: Use, reach: Reach, scopes: Scopes) -> str | None:
        kind, _, name = use.id.partition(":")
        if self.level is Level.ANY:
            return None
        if kind == "recording":
            return self._object(Use(How.OBJECT, "recordings", name), reach, scopes)
        if kind == "sound" and (_leads_elsewhere(name) or "://" in name):
            return f"The sound {_shown(name)} is not one of Asterisk's own."
        return None

    def _language(self, use: Use, _: Reach, __: Scopes) -> str | None:
        if self.level is Level.ANY or not _leads_elsewhere(use.id):
            return None
        return f"The language {_shown(use.id)} is not one of Asterisk's own: it leads to other folders."


def grants(globs: Iterable[str]) -> Callable[[str], bool]:
    """A test whether these globs allow an operation; dangerous ones must be meant."""
    given = tuple(globs)
    plain = re.compile("|".join(map(translate, given)) or r"(?!)").match
    named = matcher(glob for glob in given if "." in glob and not set("*?[") & set(glob.partition(".")[0]))

    def test(op: str) -> bool:
        return named(op) if _NAMED_ONLY.fullmatch(op) else plain(op) is not None

    return test


def _leads_elsewhere(path: str) -> bool:
    """Whether a path leads out of the folder of Asterisk's sounds."""
    return path.startswith("/") or ".." in path


def _shown(text: str) -> str:
    return ascii(text[:64])
