"""Bearer tokens, scopes, rate limits, and the tenant scope around every call."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import cached_property, wraps
from typing import Any, cast

from django.http import HttpRequest
from ninja.params.models import Param, Query
from ninja.security import HttpBearer

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts import tenancy, throttle
from conversa_calendar.accounts.models import ApiToken, Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api import idempotency
from conversa_calendar.api.contract import table, taking
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.kit import clock

REQUESTS_A_MINUTE = 1200
BLOCK = 25
"""Calls taken at once by a process: one write for so many, and at most so many lost to it a minute."""
USED_EVERY_S = 60


class Limit(StrEnum):
    """How an operation behaves for a token that reaches some calendars only."""

    CALENDARS = "calendars"
    """It answers and changes nothing but what lies in these calendars."""
    REFUSED = "refused"
    """It is about more than calendars, so such a token may not call it."""
    NEUTRAL = "neutral"
    """It tells and changes nothing that lies in calendars."""


class Caller:
    """Who calls: the token, its member, and what it may see."""

    def __init__(self, token: ApiToken, member: Member) -> None:
        self.token = token
        self.member = member
        self.account_id = token.account_id

    @cached_property
    def reach(self) -> frozenset[str] | None:
        """The ids of the calendars that the token and every token that it comes from reach; None when none is limited."""
        found: frozenset[str] | None = None
        token: ApiToken | None = self.token
        while token is not None:
            if token.calendars or token.teams or token.inboxes:
                assigned = selectors.assigned_to(teams=token.teams, inboxes=token.inboxes)
                named = frozenset(map(str, token.calendars)) | assigned
                found = named if found is None else found & named
            token = token.parent
        return found

    @property
    def viewer(self) -> Viewer:
        return Viewer(
            member=self.member,
            sees_private=self.token.allows("events.private"),
            only_calendars=self.reach,
            token=self.token,
        )

    def reaches(self, calendar_uuid: object) -> bool:
        """Whether a calendar lies within the token's limit."""
        return self.reach is None or str(calendar_uuid) in self.reach


class ApiRequest(HttpRequest):
    """A request with a token."""

    auth: ApiToken
    caller: Caller


class Bearer(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        found = accounts.token_for(token)
        if found is None:
            return None
        now = clock.now()
        if found.last_used_at is None or (now - found.last_used_at).total_seconds() > USED_EVERY_S:
            ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
        return found


class Limiter:
    """Requests a minute for each token, over all processes; a block of them is taken from the database at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._leases: dict[int, throttle.Leased] = {}

    def check(self, token_id: int) -> None:
        """Counts a call. Raises Problem 429 when it is one too many."""
        limit = throttle.Limit("API calls of a token", self.most, 60)
        leased = self._leases.setdefault(self.most, throttle.Leased(limit, BLOCK))
        count = leased.hit(token_id)
        if count.is_over:
            words = f"Too many requests; wait {count.wait_s} seconds."
            raise Problem(429, "rate_limited", words, retry_after_s=count.wait_s)


limiter = Limiter(REQUESTS_A_MINUTE)


def scoped(
    scope: str, permission: Permission | None = None, *, limit: Limit, is_module: bool = True, in_tenant: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs an operation as its caller, in one tenant transaction unless it calls Google itself (`in_tenant` false).
    Every operation says which scope it needs and, by `limit`, what a token may do here that reaches some calendars only.
    What it takes is held against the contract first."""

    def decorate(operation: Callable[..., Any]) -> Callable[..., Any]:
        known = _parameters(operation)

        def enter(request: ApiRequest, sent: dict[str, Any]) -> None:
            request.caller = _caller(request.auth, scope, permission, is_module, limit)
            taking.check_parameters(operation.__name__, request.GET, known)
            if "payload" in sent:
                taking.check_body(operation.__name__, sent["payload"])

        @wraps(operation)
        def call(request: ApiRequest, *args: Any, **kwargs: Any) -> Any:
            token = request.auth
            limiter.check(token.pk)

            def work() -> Any:
                enter(request, kwargs)
                return _once(request, operation.__name__, kwargs, lambda: operation(request, *args, **kwargs))

            if in_tenant:
                return tenancy.in_tenant(token.account_id, work)
            with tenant(token.account_id):
                enter(request, kwargs)
                _ = request.caller.reach  # looked up here, so that an operation asks who calls wherever it likes
            return operation(request, *args, **kwargs)

        call.conversa_rule = (scope, str(permission or ""))  # type: ignore[attr-defined]
        call.conversa_limit = limit  # type: ignore[attr-defined]
        return call

    return decorate


def _once(request: ApiRequest, name: str, sent: dict[str, Any], work: Callable[[], Any]) -> Any:
    """What an operation answers; one that takes an Idempotency-Key is carried out once for each key."""
    key = sent.get("idempotency_key", "")
    if not key:
        return work()
    asked = {"path": request.path, "body": sent.get("payload")}
    secrets = table.OPERATIONS[name].secrets if name in table.OPERATIONS else ()
    return 201, idempotency.once(request.auth, key, asked, lambda: cast(dict[str, Any], work()[1]), secrets)


def _parameters(operation: Callable[..., Any]) -> frozenset[str]:
    """The names that an operation takes in its address, after the question mark."""
    found = set()
    for name, parameter in inspect.signature(operation).parameters.items():
        given = parameter.default
        if isinstance(given, Query):
            found.add(given.alias or name)
        elif given is not inspect.Parameter.empty and not isinstance(given, Param):
            found.add(name)
    return frozenset(found)


def _caller(token: ApiToken, scope: str, permission: Permission | None, is_module: bool, limit: Limit) -> Caller:
    member = Member.objects.select_related("user", "role", "account").filter(pk=token.member_id).first()
    if member is None or not member.is_present or member.account.is_suspended:
        raise Problem(401, "unauthenticated", "This token no longer works.")
    caller = Caller(token, member)
    if not token.allows(scope):
        raise Problem(403, "scope_missing", f"This token lacks the scope {scope}.")
    if permission is not None and not member.may(permission):
        raise Problem(403, "forbidden", f"This needs the permission {permission}.")
    if limit is Limit.REFUSED and caller.reach is not None:
        raise token_limited()
    if is_module and not member.account.is_calendar_enabled:
        names = [str(found) for found in accounts.administrators()]
        raise Problem(403, "not_enabled", "The Calendar module is not enabled.", administrators=names)
    return caller


def token_limited() -> Problem:
    """The answer to a token that reaches some calendars only, where more is asked for."""
    return Problem(403, "token_limited", "This token reaches some calendars only, and this needs more than those.")
