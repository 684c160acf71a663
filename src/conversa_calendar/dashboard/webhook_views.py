"""Webhooks: the page on which administrators see where messages go, what became of them, and why one is off."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.calendars import selectors as calendars
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.dashboard.sessions import asks_password_again
from conversa_calendar.webhooks import acts, presenting
from conversa_calendar.webhooks.reading import KINDS

SENSITIVE = {"create", "rotate"}
SHOWN = 10
"""So many of the latest deliveries stand under each webhook."""
KIND_NAMES = {
    "event": gettext_lazy("events"),
    "booking": gettext_lazy("bookings"),
    "offer": gettext_lazy("offered times"),
    "calendar": gettext_lazy("calendars"),
    "mirror": gettext_lazy("mirrored calendars"),
    "connection": gettext_lazy("Google accounts"),
    "member": gettext_lazy("members"),
}


@require_http_methods(["GET", "POST"])
@page(Permission.ACCOUNT)
def webhooks_page(request: MemberRequest) -> HttpResponse:
    """Where messages go. What sends something elsewhere asks for the password again."""
    if request.method == "POST":
        answer: HttpResponse = (_guarded if request.POST.get("do") in SENSITIVE else _changed)(request)
        return answer
    looking = viewer(request)
    rows = [
        {
            "found": found,
            "shown": presenting.endpoint(found),
            "kinds": ", ".join(str(KIND_NAMES[kind]) for kind in found.kinds),
            "deliveries": [presenting.delivery(one) for one in acts.log(looking, found.uuid)[:SHOWN]],
        }
        for found in acts.listed(looking)
    ]
    context = {
        "rows": rows,
        "kinds": [(kind, KIND_NAMES[kind]) for kind in KINDS],
        "calendars": [found for found, _level in calendars.visible(looking)],
        "secret": request.session.pop("webhook_secret", ""),
    }
    return render(request, "dashboard/webhooks.html", context)


def _changed(request: MemberRequest) -> HttpResponse:
    try:
        _change(request)
    except Invalid as error:
        messages.error(request, error.message)
    return redirect("webhooks")


_guarded = asks_password_again(_changed)


def _change(request: MemberRequest) -> None:
    post, by, uuid = request.POST, viewer(request), request.POST.get("webhook", "")
    match post.get("do"):
        case "create":
            _made, request.session["webhook_secret"] = acts.create(by, _wanted(request))
        case "rotate":
            _made, request.session["webhook_secret"] = acts.rotate(by, uuid)
        case "on" | "off":
            acts.change(by, uuid, {"on": post["do"] == "on"})
        case "test":
            acts.send_test(by, uuid)
            messages.success(request, _("A test message is on its way; it appears below in a moment."))
            return
        case "remove":
            acts.delete(by, uuid)
        case _:
            raise Invalid("do", _("There is no such setting."))
    messages.success(request, _("Saved."))


def _wanted(request: MemberRequest) -> dict[str, Any]:
    post = request.POST
    return {
        "url": post.get("url", ""),
        "description": post.get("description", ""),
        "kinds": post.getlist("kinds"),
        "calendars": post.getlist("calendars"),
        "private": "private" in post,
    }
