"""The one place that every request passes: it names the request, refuses what no field can hold, and turns each failure
into an answer as its door gives it. The API answers problem+json, a page answers a page, a script on a page a sentence."""

import logging
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.exceptions import ConnectorException

from conversa_calendar.api import problems
from conversa_calendar.kit import reading, trace
from conversa_calendar.kit.reading import Fault, Unreadable

logger = logging.getLogger(__name__)
API = "/api/"
UNREAD_BODIES = ("/push/",)
"""Doors that never look at a body: it is not looked at for them either."""
RAW_BODIES = ("/api/v1/imports", "/api/v1/mail")
"""Operations that take a file as it is, not JSON; each bounds and reads it itself."""
RETRY_S = 5
HEADER = "X-Request-Id"
PROBLEM = "application/problem+json"
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
UNIQUE, FOREIGN = "23505", "23503"
"""SQLSTATE of a row that is there already, and of one that is gone."""


class Trouble(NamedTuple):
    """What is said about a failure. `title` is for people, `code` for programs."""

    status: int
    code: str
    title: str
    detail: str
    field: str = ""


class Doors:
    """The middleware around everything that answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with trace.named() as name:
            request.request_id = name  # type: ignore[attr-defined]
            answer = _refusal(request) or _in_style(request, self.get_response(request))
            answer[HEADER] = name
            return answer

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answers what callers and outages cause; anything else is a fault of ours, which Django logs and `failed`
        answers."""
        trouble = _expected(error)
        return None if trouble is None else _answer(request, trouble)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No address of ours."""
    if request.path.startswith(API):
        return _answer(request, _of_status(404))
    return render(request, "dashboard/not_found.html", status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django itself finds suspicious: a foreign host, too many fields, too long a body."""
    return _answer(request, _of_status(413 if isinstance(exception, RequestDataTooBig) else 400))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, _of_status(403))


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without the mark that its page gave it."""
    return _answer(request, _stale())


def failed(request: HttpRequest) -> HttpResponse:
    """Whatever escaped. Django has logged it, under the name of the request."""
    error = sys.exc_info()[1]
    return _answer(request, (_expected(error) if error is not None else None) or _of_status(500))


def _refusal(request: HttpRequest) -> HttpResponse | None:
    try:
        for field, text in _sent(request):
            reading.check_text(text, field)
        if _has_json(request):
            reading.json_of(request.body)
    except (Unreadable, SuspiciousOperation, UnreadablePostError, MultiPartParserError) as error:
        with translation.override(translation.get_language_from_request(request)):
            return _answer(request, _expected(error) or _of_status(400))
    return None


def _sent(request: HttpRequest) -> Iterable[tuple[str, str]]:
    """Every text that a request carries, but JSON, with the name of its field."""
    yield "", request.path_info
    yield from ((name, value) for name, value in request.headers.items())
    yield from _pairs(request.GET)
    if request.content_type in FORMS and not request.path.startswith((API, *UNREAD_BODIES)):
        yield from _pairs(request.POST)
        for name, files in request.FILES.lists():
            yield from ((name, file.name or "") for file in files)


def _pairs(query: Any) -> Iterable[tuple[str, str]]:
    for name, values in query.lists():
        yield "", name
        yield from ((name, value) for value in values)


def _has_json(request: HttpRequest) -> bool:
    """The API reads every body as JSON, whatever it is called."""
    if request.path.startswith(UNREAD_BODIES) or request.path in RAW_BODIES:
        return False
    return bool((request.path.startswith(API) or request.content_type == "application/json") and request.body)


def _in_style(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """An error that came from below without words, or in the wrong language for its door, is said as the door says it."""
    if answer.status_code < 400 or answer.streaming:
        return answer
    is_api = request.path.startswith(API)
    if answer.headers.get("Content-Type") == PROBLEM if is_api else bool(answer.content):
        return answer
    styled = _answer(request, _of_status(answer.status_code))
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in answer.headers:
            styled[name] = answer[name]
    return styled


def _answer(request: HttpRequest, trouble: Trouble) -> HttpResponse:
    if request.path.startswith(API):
        named = [{"field": trouble.field, "message": trouble.detail}] if trouble.field else []
        more: dict[str, Any] = {"errors": named} if named else {}
        answer = problems.response(trouble.status, trouble.code, trouble.detail, **more)
    elif request.headers.get("HX-Request") or request.headers.get("X-Requested-With"):
        answer = HttpResponse(trouble.detail, status=trouble.status, content_type="text/plain; charset=utf-8")
    else:
        # without the request: what the frame of a page looks up may be what failed
        context = {"trouble": trouble, "request_id": trace.current()}
        answer = HttpResponse(render_to_string("dashboard/trouble.html", context), status=trouble.status)
    if trouble.status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer["Retry-After"] = str(RETRY_S)
    return answer


def _expected(error: BaseException) -> Trouble | None:
    """What is said of a failure that callers or outages cause; None for a fault of ours."""
    match error:
        case Unreadable():
            return _unreadable(error)
        case RequestDataTooBig():
            return _of_status(413)
        case SuspiciousOperation() | UnreadablePostError() | MultiPartParserError():
            return _of_status(400)
        case OperationalError() | InterfaceError() | ConnectorException():
            logger.warning("The database does not answer: %s", str(error).strip().partition("\n")[0])
            return _of_status(503)
        case DataError() | ValidationError():
            logger.warning("A value that does not fit came as far as its column", exc_info=error)
            return _unfit()
        case IntegrityError() if _sqlstate(error) in {UNIQUE, FOREIGN}:
            logger.warning("Two requests met in one row", exc_info=error)
            return _met()
        case _:
            return None


def _sqlstate(error: DatabaseError) -> str:
    return getattr(error.__cause__, "sqlstate", "") or ""


def _unreadable(error: Unreadable) -> Trouble:
    words = {
        Fault.CHARACTERS: _("This holds characters that cannot be stored. Please type the text again."),
        Fault.LENGTH: _("This text is far too long. Please shorten it."),
        Fault.NUMBER: _("This number is out of range."),
        Fault.DEPTH: _("This is nested too deeply."),
        Fault.SYNTAX: _("This is not JSON that can be read."),
    }
    is_syntax = error.fault is Fault.SYNTAX
    title = _("This could not be taken")
    return Trouble(
        400 if is_syntax else 422, "bad_request" if is_syntax else "invalid", title, words[error.fault], error.field
    )


def _unfit() -> Trouble:
    detail = _(
        "A value is too long, out of range or of the wrong kind. Nothing was changed. Please go back and correct it."
    )
    return Trouble(422, "invalid", _("This could not be taken"), detail)


def _met() -> Trouble:
    detail = _("Something else changed at the same moment. Nothing was changed here. Please look again and repeat it.")
    return Trouble(409, "conflict", _("Somebody was faster"), detail)


def _stale() -> Trouble:
    detail = _("This form was open for too long, or you signed in or out meanwhile. Please go back, reload the page and send it again.")  # fmt: skip
    return Trouble(403, "forbidden", _("Please send this form again"), detail)


def _of_status(status: int) -> Trouble:
    """The words for an error of which nothing else is known."""
    match status:
        case 404:
            return Trouble(404, "not_found", _("There is no such thing here"), _("There is no such thing here."))
        case 403:
            return Trouble(403, "forbidden", _("Not possible"), _("You may not do this."))
        case 405:
            detail = _("This address cannot be used this way. Please start from the calendar.")
            return Trouble(405, "method_not_allowed", _("Not possible"), detail)
        case 413:
            return Trouble(
                413, "too_large", _("That is too much"), _("The request is too large. Please send less at once.")
            )
        case 503:
            detail = _(
                "The calendar cannot be reached at the moment. Nothing was lost. Please try again in a few seconds."
            )
            return Trouble(503, "unavailable", _("Just a moment"), detail)
        case _ if status < 500:
            return Trouble(status, "bad_request", _("This could not be taken"), _("The request cannot be read."))
        case _:
            detail = _("Something went wrong on our side, and it has been noted. Please try again; if it happens again, tell your administrator the number below.")  # fmt: skip
            return Trouble(status, "internal", _("Something went wrong"), detail)
