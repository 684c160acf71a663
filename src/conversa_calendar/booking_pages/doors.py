"""What every page for strangers does around its work: floods are turned away, what is not there is said alike, frames."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from conversa_calendar.booking_pages import limits
from conversa_calendar.booking_pages.asked import UnknownZone
from conversa_calendar.calendars import outgoing
from conversa_calendar.calendars.selectors import NotFound

View = Callable[..., HttpResponse]


def public(view: View) -> View:
    """A page for strangers: floods are turned away, what is not there is said alike."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        window = limits.submits if request.method == "POST" else limits.views
        if window.is_over(limits.address_of(request)):
            return said(request, _("Too many requests. Please wait a minute."), 429)
        try:
            with outgoing.by_visitors():
                return view(request, **kwargs)
        except (NotFound, signing.BadSignature):
            return said(request, _("There is no such page."), 404)
        except UnknownZone as error:
            return said(request, str(error), 422)

    return guarded


def embeddable(view: View) -> View:
    """Lets the origins that a booking page names show it in a frame, and nobody else."""

    @wraps(view)
    def framed(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        response = view(request, **kwargs)
        if origins := getattr(request, "embed_origins", []):
            response.frame_origins = origins  # type: ignore[attr-defined]
        response["Referrer-Policy"] = "no-referrer"
        return response

    return framed


def said(request: HttpRequest, message: str, status: int) -> HttpResponse:
    return render(request, "booking_pages/said.html", {"message": message}, status=status)
