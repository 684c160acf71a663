"""Account settings: the module switch, members, teams, inboxes, calendars, tokens, the own profile; guests' answers."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversa_calendar.accounts import acts as people
from conversa_calendar.accounts import permissions, selectors, sign_in
from conversa_calendar.accounts.acting import NotAllowed, NotFound
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.refusals import Refused
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import acts, invitations, outgoing, preferences, ringing, wording
from conversa_calendar.calendars import selectors as calendars
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.models import Calendar, Event, OutgoingMail
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections.models import Connection
from conversa_calendar.dashboard import differences, grant_views, sessions, settings_fields
from conversa_calendar.dashboard.differences import BothChanged, Merged
from conversa_calendar.dashboard.guards import MemberRequest, page, signed_in, viewer
from conversa_calendar.dashboard.sessions import asks_password_again
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from conversa_calendar.webhooks import presenting as webhooks

ACCOUNT = Permission.ACCOUNT
SENSITIVE = {"member", "role", "token"}


@require_GET
@page(is_module=False)
def overview(request: MemberRequest) -> HttpResponse:
    """Everybody sees their profile; who manages the account sees the rest."""
    member = request.member
    is_manager = member.may(ACCOUNT)
    context = {
        "languages": settings.LANGUAGES,
        "preference": preferences.preference_of(member),
        "is_manager": is_manager,
        "webhooks_off": webhooks.count_off() if is_manager else 0,
        "members": selectors.members() if is_manager else [],
        "roles": selectors.roles(),
        "role_names": {permissions.ADMINISTRATOR: _("Administrator"), permissions.AGENT: _("Agent")},
        "teams": selectors.teams(),
        "inboxes": selectors.inboxes(),
        "calendars": _calendars(request) if member.account.is_open else [],
        "affected": {
            "connections": Connection.objects.count(),
            "calendars": Mirror.objects.filter(is_selected=True).count(),
        },
        "budget": outgoing.budget() if is_manager else None,
        "visitors_budget": outgoing.visitors_budget() if is_manager else None,
        "waiting": OutgoingMail.objects.filter(sent_at=None, not_before__gt=clock.now()).count(),
        "secret": request.session.pop("token_secret", ""),
    }
    context |= grant_views.context(request) if is_manager else {}
    return render(request, "dashboard/settings.html", context)


@require_POST
@page(is_module=False)
def profile(request: MemberRequest) -> HttpResponse:
    post = request.POST
    if "end_others" in post:
        sessions.end_others(request)
        messages.success(request, _("You are signed out everywhere else."))
        return redirect("settings")
    try:
        merged = differences.merge(post, settings_fields.profile(request.member))
        member = people.change_profile(viewer(request), **_profile(merged))
    except BothChanged as both:
        return _asked(request, both)
    except (Refused, NotAllowed) as error:
        messages.error(request, str(error))
        return redirect("settings")
    translation.activate(member.language or translation.get_language_from_request(request))
    if "rings_shown" in request.POST:
        wanted = set(request.POST.getlist("rings"))
        seen = [found for found, _level in calendars.visible(viewer(request))]
        ringing.choose(request.member, [found for found in seen if str(found.uuid) in wanted])
    if "mails_shown" in request.POST:
        preferences.set_mails_losses(request.member, "mails_losses" in request.POST)
    messages.success(request, _("Saved."))
    return redirect("settings")


@require_POST
@page(ACCOUNT, is_module=False)
def change(request: MemberRequest, what: str) -> HttpResponse:
    """One form of the page. What gives or takes power asks for the password again."""
    answer: HttpResponse = (_guarded if what in SENSITIVE else _changed)(request, what)
    return answer


def _changed(request: MemberRequest, what: str) -> HttpResponse:
    """Every refusal comes back as a notice on the page, and leaves nothing half done."""
    try:
        with transaction.atomic():
            _change(request, what)
    except (Refused, Invalid, NotAllowed) as error:
        messages.error(request, str(error))
    except BothChanged as both:
        return _asked(request, both)
    except NotFound:
        messages.error(request, _("It is no longer there. Look at the page as it is now."))
    return redirect("settings")


_guarded = asks_password_again(_changed)


@require_POST
@page()
def calendar(request: MemberRequest, uuid: str) -> HttpResponse:
    """Renames, recolours or removes a calendar; `new` creates a native one."""
    post = request.POST
    try:
        if uuid == "new":
            zone = request.member.account.time_zone
            acts.add_calendar(viewer(request), name=post.get("name", ""), time_zone=zone)
        elif post.get("do") == "delete":
            acts.delete_calendar(viewer(request), uuid)
        else:
            found = acts.checked_calendar(Act.CHANGE_CALENDAR, viewer(request), uuid)
            acts.change_calendar(viewer(request), uuid, _calendar_values(post, found))
    except BothChanged as both:
        return _asked(request, both)
    except (Invalid, Refused) as error:
        messages.error(request, str(error))
    return redirect("settings")


@require_POST
@signed_in
def switch_account(request: Any) -> HttpResponse:
    wanted = request.POST.get("account", "")
    if any(str(place.account_id) == wanted for place in request.account_choices):
        request.session["account"] = int(wanted)
    return redirect("home")


@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """A guest of a native event answers: the link shows, the button acts (mail scanners only look)."""
    try:
        account_id, uuid, email = invitations.read_answer_token(token)
    except signing.BadSignature:
        return render(request, "dashboard/not_found.html", status=404)
    with tenant(account_id):
        event = Event.objects.select_related("calendar").filter(uuid=uuid, deleted_at=None).first()
        guests = {guest.email.lower(): guest for guest in event.content.attendees} if event else {}
        if event is None or email.lower() not in guests:
            return render(request, "dashboard/not_found.html", status=404)
        if request.method == "POST":
            try:
                event = acts.answer(acts.Guest(event, email), request.POST.get("response", ""))
            except Invalid as error:
                return HttpResponse(error.message, status=422)
        guest = next(g for g in event.content.attendees if g.email.lower() == email.lower())
        context = {
            "event": event,
            "guest": guest,
            "when": wording.when_in_words(event.content),
            "is_saved": request.method == "POST",
        }
        return render(request, "dashboard/answer.html", context)


def _calendar_values(post: QueryDict, found: Calendar) -> dict[str, Any]:
    """What somebody changed of a calendar, upon what it is now. Raises BothChanged, Invalid."""
    merged = differences.merge(post, settings_fields.calendar(found))
    form, touched = merged.form, merged.touched
    values: dict[str, Any] = {name: form[name] for name in ("name", "color") if name in touched and form.get(name)}
    if "switches" not in post:
        return values
    is_whole = differences.CARRIER not in post
    if is_whole or "counts_busy" in touched:
        values["counts_busy"] = bool(form.getlist("counts_busy"))
    if found.is_mirrored and (is_whole or any(name.startswith("show:") for name in touched)):
        values["hidden_types"] = [kind for kind in settings_fields.HIDEABLE if not form.getlist(f"show:{kind}")]
    return values


def _asked(request: MemberRequest, both: BothChanged) -> HttpResponse:
    """Where somebody else changed the same thing meanwhile: which of both it is to be."""
    names = {permissions.ADMINISTRATOR: _("Administrator"), permissions.AGENT: _("Agent")}
    words = {key: names.get(key, name) for key, name, _held in selectors.roles()}
    return differences.ask(request, both, reverse("settings"), settings_fields.label, words)


def _calendars(request: MemberRequest) -> list[tuple[Calendar, bool, bool]]:
    """The calendars that a member sees, with whether they may change each and put it into Google."""
    wanted, reader = (Act.CHANGE_CALENDAR, Act.PUBLISH_CALENDAR), viewer(request)
    rows = []
    for found, level in calendars.visible(reader):
        may_change, may_publish = (acts.authorise(act, reader, None, found, level) is None for act in wanted)
        rows.append((found, may_change, may_publish and request.member.may(Permission.INTEGRATIONS)))
    return rows


def _change(request: MemberRequest, what: str) -> None:
    post, reader = request.POST, viewer(request)
    match what:
        case "account":
            merged = differences.merge(post, settings_fields.account(request.member.account))
            name, zone = (str(merged.form[n]) if n in merged.touched else None for n in ("name", "time_zone"))
            people.change_account(reader, name=name, time_zone=zone)
        case "module":
            people.change_account(reader, is_calendar_enabled=post.get("enabled") == "on")
        case "member":
            _member(request)
        case "team" | "inbox":
            _group(request, what)
        case "role":
            grant_views.change_role(request)
        case "token":
            grant_views.add_token(request)
        case "revoke-token":
            people.revoke_token(reader, post.get("token", ""))
        case _:
            raise Refused(_("There is no such setting."))
    messages.success(request, _("Saved."))


def _profile(merged: Merged) -> dict[str, str]:
    """What the form says anew of oneself; a language that is none is the browser's."""
    names = [name for name in ("name", "time_zone", "language") if name in merged.touched]
    found: dict[str, str] = {name: str(merged.form.get(name, "")).strip() for name in names}
    if found.get("language") not in {None, "", *dict(settings.LANGUAGES)}:
        found["language"] = ""
    return found


def _member(request: MemberRequest) -> None:
    post, reader, origin = request.POST, viewer(request), sign_in.origin(request)
    uuid = post.get("member", "")
    if not uuid:
        role = post.get("role", "")
        people.invite(reader, email=post.get("email", ""), name=post.get("name", ""), role=role, origin=origin)
    elif "invite" in post:
        people.invite_again(reader, uuid, origin=origin)
    elif "withdraw" in post:
        people.withdraw(reader, uuid)
    elif "end_sessions" in post:
        people.end_sessions(reader, uuid)
    elif "suspended" in post:
        people.change_member(reader, uuid, is_suspended=post["suspended"] == "true")
    elif post.get("role"):
        merged = differences.merge(post, settings_fields.member(people.member(reader, uuid, people.Act.GIVE_ROLE)))
        if "role" in merged.touched:
            people.change_member(reader, uuid, role=merged.form.get("role"))


def _group(request: MemberRequest, kind: str) -> None:
    post, reader = request.POST, viewer(request)
    chosen = [grant_views.uuid_of(uuid) for uuid in post.getlist("members") if uuid]
    if not post.get("group"):
        people.add_group(reader, kind, name=post.get("name", ""), members=chosen)
    else:
        people.change_group(reader, kind, post["group"], members=chosen)
