"""Errors as problem+json (RFC 9457) with a stable `code`."""

from datetime import UTC
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from conversa_calendar.accounts.preconditions import Changed
from conversa_calendar.accounts.refusals import Refused
from conversa_calendar.bookings.live import Taken
from conversa_calendar.calendars.acts import NotAllowed, ScopeNeeded
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections import consent
from conversa_calendar.kit import trace
from conversa_calendar.providers import protocol
from conversa_calendar.sync.mirrors.unsent import NAMED_MAX, Unsent


class Problem(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more


def response(status: int, code: str, detail: str, **more: Any) -> HttpResponse:
    body = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": trace.current(),
    }
    answer = JsonResponse(body | more, status=status, content_type="application/problem+json")
    if "retry_after_s" in more:
        answer["Retry-After"] = str(more["retry_after_s"])
    return answer


def install(api: NinjaAPI) -> None:
    """Turns every expected error into its problem; what nobody expected goes on to the door around everything."""

    @api.exception_handler(Exception)
    def unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
        raise error

    @api.exception_handler(Problem)
    def problem(request: HttpRequest, error: Problem) -> HttpResponse:
        return response(error.status, error.code, error.detail, **error.more)

    @api.exception_handler(NotFound)
    def not_found(request: HttpRequest, error: NotFound) -> HttpResponse:
        return response(404, "not_found", "There is no such thing here.")

    @api.exception_handler(NotAllowed)
    def not_allowed(request: HttpRequest, error: NotAllowed) -> HttpResponse:
        status = 422 if error.refusal.code in {"invalid", "refused"} else 403
        return response(status, error.refusal.code, error.refusal.reason)

    @api.exception_handler(ScopeNeeded)
    def scope_needed(request: HttpRequest, error: ScopeNeeded) -> HttpResponse:
        return response(422, "scope_required", error.message)

    @api.exception_handler(Invalid)
    def invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
        return response(422, "invalid", error.message, errors=[{"field": error.field, "message": error.message}])

    @api.exception_handler(Unsent)
    def unsent_changes(request: HttpRequest, error: Unsent) -> HttpResponse:
        named = [one.shown for one in error.waiting[:NAMED_MAX]]
        return response(409, "unsent_changes", str(error), count=len(error.waiting), events=named)

    @api.exception_handler(Taken)
    def taken(request: HttpRequest, error: Taken) -> HttpResponse:
        starts = [at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in error.alternatives]
        return response(409, "taken", str(error), alternatives=[{"start": start} for start in starts])

    @api.exception_handler(Refused)
    def refused(request: HttpRequest, error: Refused) -> HttpResponse:
        return response(422, "refused", str(error))

    @api.exception_handler(consent.Refused)
    def consent_refused(request: HttpRequest, error: consent.Refused) -> HttpResponse:
        return response(409, error.code, error.message)

    @api.exception_handler(Changed)
    def changed(request: HttpRequest, error: Changed) -> HttpResponse:
        return response(412, "changed", str(error), etag=error.etag)

    @api.exception_handler(protocol.ProviderError)
    def provider(request: HttpRequest, error: protocol.ProviderError) -> HttpResponse:
        status = 409 if isinstance(error, protocol.GrantDead) else 503
        return response(status, "google_trouble", str(error), reason=error.reason)

    @api.exception_handler(ValidationError)
    def validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
        rows = [{"field": ".".join(map(str, e["loc"][1:])), "message": e["msg"]} for e in error.errors]
        return response(422, "invalid", "The request cannot be read.", errors=rows)

    @api.exception_handler(AuthenticationError)
    def unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        answer = response(401, "unauthenticated", "A bearer token is needed.")
        answer["WWW-Authenticate"] = "Bearer"
        return answer

    @api.exception_handler(HttpError)
    def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
        return response(error.status_code, "bad_request", str(error))
