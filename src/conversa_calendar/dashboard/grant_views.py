"""Roles, API tokens and suspending: the parts of the settings that give power or take it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from conversa_calendar.accounts import acts, grants, permissions, selectors
from conversa_calendar.accounts.acting import NotAllowed, NotFound, Viewer
from conversa_calendar.accounts.acts import Act, Where
from conversa_calendar.accounts.models import ApiToken, Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.refusals import Refused
from conversa_calendar.bookings import leaving
from conversa_calendar.calendars import selectors as calendars
from conversa_calendar.dashboard import differences, settings_fields
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.dashboard.sessions import asks_password_again
from conversa_calendar.domain import times


def context(request: MemberRequest) -> dict[str, object]:
    """What the sections about roles and tokens show to who manages the account."""
    member, by = request.member, grants.giver(request.member)
    people = list(selectors.members())
    roles = [
        {
            "key": key,
            "name": name,
            "held": held,
            "is_own": key not in permissions.BUILT_IN,
            "may_change": by.may_grant(held),
            "shown": differences.carried({"name": [name], "permission": sorted(held)}),
            "members": [m for m in people if (str(m.role.uuid) if m.role else m.built_in) == key],
        }
        for key, name, held in selectors.roles()
    ]
    needed = permissions.SCOPE_NEEDS
    scopes = [
        (key, name) for key, name in permissions.SCOPE_NAMES.items() if key not in needed or member.may(needed[key])
    ]
    names = {person.pk: str(person) for person in people}
    rows = ApiToken.objects.filter(account=member.account, revoked_at=None).order_by("pk")
    return {
        "role_rows": roles,
        "permission_choices": [(key, name, by.may_grant([key])) for key, name in permissions.NAMES.items()],
        "scope_choices": scopes,
        "tokens": [(token, names.get(token.member_id, "")) for token in rows],
    }


def change_role(request: MemberRequest) -> None:
    """Creates a role, or changes the named one. Raises Refused."""
    post, reader = request.POST, viewer(request)
    name, held = post.get("name", ""), post.getlist("permission")
    if not post.get("role"):
        acts.add_role(reader, name=name, held=held)
    elif post.get("do") == "remove":
        acts.delete_role(reader, post["role"])
    else:
        _change_role(reader, post)


def _change_role(reader: Viewer, post: QueryDict) -> None:
    """What somebody changed of a role, upon what it is now. Raises BothChanged, Refused, NotFound."""
    if (found := selectors.role(str(post["role"]))) is None:
        raise NotFound
    merged = differences.merge(post, settings_fields.role(found), sets=["permission"])
    is_named, is_held = "name" in merged.touched, "permission" in merged.touched or differences.CARRIER not in post
    acts.change_role(
        reader,
        found.uuid,
        name=merged.form.get("name", "") if is_named else None,
        held=[str(one) for one in merged.form.getlist("permission")] if is_held else None,
    )


def add_token(request: MemberRequest) -> None:
    """Creates a token for the member who asks; its secret is shown on the next page only. Raises Refused."""
    post = request.POST
    chosen = {
        name: [uuid_of(value) for value in post.getlist(name) if value] for name in ("calendars", "teams", "inboxes")
    }
    where = Where(**chosen)
    seen = {calendar.uuid for calendar, _level in calendars.visible(viewer(request))}
    if not set(where.calendars) <= seen:
        raise Refused(_("There is no such calendar here."))
    _token, secret = acts.add_token(
        viewer(request),
        name=post.get("name", ""),
        scopes=post.getlist("scope"),
        where=where,
        expires_at=_end_of(post.get("expires", "")),
    )
    request.session["token_secret"] = secret


@require_http_methods(["GET", "POST"])
@page(Permission.ACCOUNT, is_module=False)
def suspend(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """What suspending a member would end and what would rest, by name; then does it."""
    member = acts.member(viewer(request), uuid, Act.SUSPEND)
    if request.method == "GET":
        shown = {"found": member, "preview": leaving.preview(member)}
        return render(request, "dashboard/suspend.html", shown)
    answer: HttpResponse = _suspended(request, member)
    return answer


@asks_password_again  # type: ignore[untyped-decorator]
def _suspended(request: MemberRequest, member: Member) -> HttpResponse:
    try:
        acts.suspend(viewer(request), member.uuid)
        messages.success(request, _("%(name)s is suspended and signed out everywhere.") % {"name": member})
    except (Refused, NotAllowed) as error:
        messages.error(request, str(error))
    return redirect("settings")


def uuid_of(text: str) -> UUID:
    """An outside id out of a form. Raises Refused."""
    try:
        return UUID(text)
    except ValueError:
        raise Refused(_("This is not an id.")) from None


def _end_of(day: str) -> datetime | None:
    """The end of a day in the reader's time zone; None when no day was named. Raises Refused."""
    if not day:
        return None
    try:
        following = times.read_date(day) + timedelta(days=1)
    except ValueError:
        raise Refused(_("A date reads like 2026-12-24.")) from None
    zone = ZoneInfo(timezone.get_current_timezone_name())
    return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
