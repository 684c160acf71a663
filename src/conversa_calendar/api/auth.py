"""Bearer tokens, scopes, rate limits, and the tenant scope around every call."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts import tenancy
from conversa_calendar.accounts.models import ApiToken, Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.kit import clock

REQUESTS_A_MINUTE = 1200
USED_EVERY_S = 60


class Caller:
    """Who calls: the token, its member, and what it may see."""

    def __init__(self, token: ApiToken, member: Member) -> None:
        self.token = token
        self.member = member
        self.account_id = token.account_id

    @property
    def viewer(self) -> Viewer:
        return Viewer(
            member=self.member,
            sees_private="events.private" in self.token.scopes,
            only_calendars=frozenset(str(uuid) for uuid in self.token.calendars),
        )

    def has_scope(self, scope: str) -> bool:
        return not self.token.scopes or scope in self.token.scopes or set(self.token.scopes) == {"events.private"}


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
    """A fixed window of requests a minute for each token, kept in this process."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[int, int] = {}

    def check(self, token_id: int) -> None:
        window = int(time.monotonic() // 60)
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            self._counts[token_id] = self._counts.get(token_id, 0) + 1
            is_over = self._counts[token_id] > self.most
        if is_over:
            raise Problem(429, "rate_limited", "Too many requests; wait a minute.")


limiter = Limiter(REQUESTS_A_MINUTE)


def scoped(
    scope: str, permission: Permission | None = None, *, is_module: bool = True, in_tenant: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs an operation as its caller, in one tenant transaction unless it calls Google itself (`in_tenant` false)."""

    def decorate(operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def call(request: ApiRequest, *args: Any, **kwargs: Any) -> Any:
            token = request.auth
            limiter.check(token.pk)

            def work() -> Any:
                request.caller = _caller(token, scope, permission, is_module)
                return operation(request, *args, **kwargs)

            if in_tenant:
                return tenancy.in_tenant(token.account_id, work)
            with tenant(token.account_id):
                request.caller = _caller(token, scope, permission, is_module)
            return operation(request, *args, **kwargs)

        call.conversa_rule = (scope, str(permission or ""))  # type: ignore[attr-defined]
        return call

    return decorate


def _caller(token: ApiToken, scope: str, permission: Permission | None, is_module: bool) -> Caller:
    member = Member.objects.select_related("user", "role", "account").filter(pk=token.member_id).first()
    if member is None or member.is_suspended or member.account.is_suspended:
        raise Problem(401, "unauthenticated", "This token no longer works.")
    caller = Caller(token, member)
    if not caller.has_scope(scope):
        raise Problem(403, "scope_missing", f"This token lacks the scope {scope}.")
    if permission is not None and not member.may(permission):
        raise Problem(403, "forbidden", f"This needs the permission {permission}.")
    if is_module and not member.account.is_calendar_enabled:
        names = [str(found) for found in accounts.administrators()]
        raise Problem(403, "not_enabled", "The Calendar module is not enabled.", administrators=names)
    return caller
