"""What every page's frame needs."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import is_inside_another, tenant
from conversa_calendar.calendars import noticeboard
from conversa_calendar.calendars.access import Viewer


def frame(request: HttpRequest) -> dict[str, Any]:
    member: Member | None = getattr(request, "member", None)
    if member is None:
        return {"member": None, "account": None}
    return {"member": member, "account": member.account, "notices": SimpleLazyObject(lambda: _notices(member))}


def _notices(member: Member) -> list[noticeboard.Shown]:
    """None on a page that speaks of another account, as an invitation to it does."""
    if is_inside_another(member.account_id):
        return []
    with tenant(member.account_id):
        return noticeboard.unread(Viewer(member))
