"""The form of a booking page: what it shows, what came back of it, and what of that somebody changed."""

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.bookings import pages, presenting
from conversa_calendar.bookings.models import LOCATIONS, BookingHost, BookingPage
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard import differences
from conversa_calendar.kit import reading

_TYPED = ("title", "description", "time_zone", "host_mode", "stale_policy", "language", "color")
_TICKED = ("needs_confirmation", "focus_time_busy", "tentative_busy", "unanswered_busy", "is_published")
_TIME = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")


def context(viewer: Member, shown: BookingPage, chosen: list[tuple[int, int | None]] | None = None) -> dict[str, Any]:
    """What the form of a page shows to a member; `chosen` are the hosts with their calendars, as stored unless named."""
    if chosen is None:
        chosen = [(host.member_id, host.calendar_id) for host in BookingHost.objects.filter(page=shown)]
    hosts, targets = {member for member, _calendar in chosen}, {calendar for _member, calendar in chosen}
    calendars = Calendar.objects.filter(deleted_at=None, is_read_only=False).exclude(owner=None).order_by("name")
    weights = dict(BookingHost.objects.filter(page=shown).values_list("member_id", "weight")) if shown.pk else {}
    rows = []
    is_manager = viewer.may(Permission.BOOKINGS)
    for member in accounts.members() if is_manager else [viewer]:
        mine = [(found, found.pk in targets) for found in calendars if found.owner_id == member.pk]
        rows.append((member, member.pk in hosts, mine, weights.get(member.pk, 1)))
    days = [_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday")]
    hours = [(number, days[number], _hours_text(shown.weekly[number])) for number in range(7)]
    overrides = "\n".join(
        f"{day} {_hours_text(spans) or _('closed')}" for day, spans in sorted(shown.overrides.items())
    )
    questions = "\n".join(map(_question_text, shown.questions))
    found = {
        "languages": settings.LANGUAGES,
        "page": shown,
        "url": presenting.page(shown)["url"] if shown.pk else "",
        "rows": rows,
        "hours": hours,
        "overrides": overrides,
        "questions": questions,
        "durations": ", ".join(map(str, shown.durations)),
        "reminders": ", ".join(map(str, shown.reminders)),
        "embed_script": f"{settings.PUBLIC_URL}{reverse('book_embed')}",
        "origins": " ".join(shown.embed_origins),
        "locations": LOCATIONS,
        "is_manager": is_manager,
        "teams": list(accounts.teams()),
        "inboxes": list(accounts.inboxes()),
        "can_mail": pages.can_mail(),
    }
    return found | {"shown": differences.carried(fields(found))}


def changed(viewer: Member, posted: QueryDict, files: Mapping[str, Any], shown: BookingPage) -> dict[str, Any]:
    """Only what the person changed, upon what the page is now. Raises BothChanged, Invalid."""
    now = fields(context(viewer, shown))
    merged = differences.merge(posted, now, sets=["hosts"])
    if differences.CARRIER not in posted:
        return values(posted, files)
    form = merged.form.copy()
    form.update({"remove_logo": "on"} if "remove_logo" in posted else {})
    keys = {_key_of(name) for name in merged.touched} | {"logo"}
    return values(form, files, keys)


def fields(shown: dict[str, Any]) -> dict[str, list[str]]:
    """What a browser sends back of a form that nobody touched."""
    page: BookingPage = shown["page"]
    found = {name: [str(getattr(page, name))] for name in (*_TYPED, *pages.NUMBERS)}
    found |= {"color": [page.color.lower()], "host_mode": [page.host_mode if shown["is_manager"] else "one"]}
    found |= {name: ["on"] if getattr(page, name) else [] for name in _TICKED}
    found["is_published"] = found["is_published"] if shown["can_mail"] else []
    found |= {name: [shown[name]] for name in ("overrides", "questions", "durations", "reminders")}
    found |= {"embed_origins": [shown["origins"]]} | {f"day{number}": [text] for number, _day, text in shown["hours"]}
    kind = page.location.get("kind", "meet")
    found |= {"location_kind": [kind], "location_value": [page.location.get("value") or ""]}
    if shown["is_manager"]:
        found |= {"team": [str(page.team.uuid) if page.team else ""]}
        found |= {"inbox": [str(page.inbox.uuid) if page.inbox else ""]}
    return found | _host_fields(shown["rows"])


def label(name: str) -> str:
    """How the form names a field to people."""
    if name.startswith("day"):
        return [_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday")][
            int(name[3:])
        ]
    if name.startswith(("calendar-", "weight-")):
        return _("Hosts")
    return {
        "title": _("Title"),
        "description": _("Description"),
        "durations": _("Minutes to choose from"),
        "location_kind": _("Where"),
        "location_value": _("Address or link"),
        "questions": _("Questions"),
        "time_zone": _("Time zone of the hours"),
        "overrides": _("Other hours on single days"),
        "buffer_before": _("Minutes before"),
        "buffer_after": _("Minutes after"),
        "notice": _("Notice in minutes"),
        "horizon_days": _("Days ahead"),
        "step": _("Every … minutes"),
        "per_day": _("Most a day (0: any)"),
        "per_week": _("Most a week"),
        "focus_time_busy": _("Focus time counts as busy"),
        "tentative_busy": _("Tentative events count as busy"),
        "unanswered_busy": _("Invitations without an answer count as busy"),
        "stale_policy": _("When a host's calendar cannot be read"),
        "host_mode": _("Hosts"),
        "team": _("Anyone of a team"),
        "inbox": _("Anyone of an inbox"),
        "needs_confirmation": _("The host confirms each booking"),
        "language": _("Language"),
        "color": _("Colour"),
        "reminders": _("Remind visitors so many minutes before"),
        "repeats_max": _("Weekly bookings at once, at most"),
        "embed_origins": _("Sites that may show this page in a frame"),
        "is_published": _("Published"),
    }.get(name, name)


def words() -> dict[str, str]:
    """How values of the form are said to people."""
    found = {"one": _("The first who is free"), "round_robin": _("In turn"), "all": _("All together")}
    found |= {
        "meet": _("Google Meet"),
        "phone": _("By phone"),
        "address": _("At an address"),
        "link": _("Behind a link"),
    }
    found |= {"hide": _("do not offer that host"), "warn": _("offer that host and mark the booking")}
    found |= {str(team.uuid): team.name for team in accounts.teams()}
    found |= {str(inbox.uuid): inbox.name for inbox in accounts.inboxes()}
    return found | {str(row.uuid): row.name for row in Calendar.objects.filter(deleted_at=None)}


def _host_fields(rows: list[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"hosts": [str(member.uuid) for member, is_host, _mine, _weight in rows if is_host]}
    for member, _is_host, calendars, weight in rows:
        targets = [calendar for calendar, is_target in calendars if is_target] or [row for row, _t in calendars[:1]]
        found |= {f"weight-{member.uuid}": [str(weight)]}
        found |= {f"calendar-{member.uuid}": [str(calendar.uuid) for calendar in targets[-1:]]}
    return found


def _key_of(name: str) -> str:
    """The field of a page that a field of the form belongs to."""
    if name.startswith("day"):
        return "weekly"
    if name.startswith(("calendar-", "weight-")):
        return "hosts"
    return "location" if name.startswith("location_") else name


def again(viewer: Member, posted: QueryDict, shown: BookingPage | None, error: Invalid) -> dict[str, Any]:
    """The form once more as the person filled it in, and what is wrong; nothing of it is stored."""
    draft = shown or BookingPage(time_zone="UTC", durations=[30], weekly=pages.WORKWEEK, location={"kind": "meet"})
    for name in (*_TYPED, *pages.NUMBERS):
        setattr(draft, name, posted.get(name, getattr(draft, name)))
    for name in _TICKED:
        setattr(draft, name, name in posted)
    draft.location = {"kind": posted.get("location_kind", "meet"), "value": posted.get("location_value", "")}
    uuids, targets = set(posted.getlist("hosts")), {value for name, value in posted.items() if "calendar-" in name}
    members = {member.pk: str(member.uuid) for member in accounts.members()}
    calendars = [row.pk for row in Calendar.objects.filter(deleted_at=None) if str(row.uuid) in targets]
    chosen: list[tuple[int, int | None]] = [(pk, None) for pk, uuid in members.items() if uuid in uuids]
    found = context(viewer, draft, chosen + [(0, pk) for pk in calendars])
    found["hours"] = [(number, day, posted.get(f"day{number}", "")) for number, day, _text in found["hours"]]
    texts = {"overrides": "overrides", "questions": "questions", "durations": "durations", "reminders": "reminders"}
    found |= {key: posted.get(name, "") for key, name in (texts | {"origins": "embed_origins"}).items()}
    return found | {"error": error, "shown": posted.get(differences.CARRIER, "")}


def values(posted: QueryDict, files: Mapping[str, Any], keys: Collection[str] | None = None) -> dict[str, Any]:
    """The page's fields out of a form, all or those that are named. Raises Invalid."""
    read: dict[str, Callable[[], Any]] = {
        name: partial(posted.get, name, "") for name in ("title", "description", "time_zone", "host_mode", "language")
    }
    read |= {name: partial(_whole, name, posted.get(name, "")) for name in pages.NUMBERS}
    read |= {name: partial(posted.__contains__, name) for name in _TICKED}
    read |= {name: partial(_wholes, name, posted.get(name, "")) for name in ("durations", "reminders")}
    read |= {name: partial(_group, posted, name) for name in ("team", "inbox")}
    read["stale_policy"] = partial(posted.get, "stale_policy", "hide")
    read["weekly"] = lambda: [_spans("weekly", posted.get(f"day{number}", "")) for number in range(7)]
    read["overrides"] = lambda: _overrides(posted.get("overrides", ""))
    read["questions"] = lambda: [_question(line) for line in posted.get("questions", "").splitlines() if line.strip()]
    read["location"] = lambda: {
        "kind": posted.get("location_kind", "meet"),
        "value": posted.get("location_value", ""),
    }
    read["hosts"] = lambda: [_host(posted, member) for member in posted.getlist("hosts")]
    read["embed_origins"] = lambda: posted.get("embed_origins", "").split()
    if posted.get("color"):
        read["color"] = lambda: posted["color"]
    if "remove_logo" in posted:
        read["logo"] = str
    elif (sent := files.get("logo")) is not None:
        read["logo"] = lambda: pages.picture(sent.content_type or "", sent.read(pages.LOGO_BYTES_MAX + 1))
    return {name: reader() for name, reader in read.items() if keys is None or name in keys}


def _host(posted: QueryDict, member: str) -> dict[str, Any]:
    weight = _whole("hosts", posted.get(f"weight-{member}", "1"))
    return {"id": member, "calendar": posted.get(f"calendar-{member}") or None, "weight": weight}


def _group(posted: QueryDict, name: str) -> str | None:
    return posted.get(name) or None


def _wholes(field: str, text: str) -> list[int]:
    return [_whole(field, part) for part in text.split(",") if part.strip()]


def _question(line: str) -> dict[str, Any]:
    """`Topic * [Billing, Support]`: a star makes it required; in brackets its options, or email or phone."""
    label, kind = line.strip(), ""
    if label.endswith("]") and "[" in label:
        label, _, kind = label[:-1].rpartition("[")
    label, kind = label.rstrip(), kind.strip()
    is_required = label.endswith("*")
    label = label.removesuffix("*").rstrip()
    if kind in {"", "email", "phone"}:
        return {"label": label, "required": is_required, "kind": kind or "text"}
    options = [option.strip() for option in kind.split(",") if option.strip()]
    return {"label": label, "required": is_required, "kind": "choice", "options": options}


def _question_text(row: dict[str, Any]) -> str:
    kind = ", ".join(row.get("options") or []) if row["kind"] == "choice" else row["kind"]
    return f"{row['label']}{' *' if row['required'] else ''}{f' [{kind}]' if kind != 'text' else ''}"


def _overrides(text: str) -> dict[str, Any]:
    found = {}
    for line in text.splitlines():
        day, _space, rest = line.strip().partition(" ")
        if day:
            found[day] = _spans("overrides", rest)
    return found


def _spans(field: str, text: str) -> list[list[int]]:
    """`09:00-12:00, 13:00-17:00` as minutes; nothing, or a word, means closed."""
    found = [[int(a) * 60 + int(b), int(c) * 60 + int(d)] for a, b, c, d in _TIME.findall(text)]
    if not found and any(character.isdecimal() for character in text):
        raise Invalid(field, _("Hours read like 09:00-12:00, 13:00-17:00."))
    return found


def _hours_text(spans: list[list[int]]) -> str:
    return ", ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in spans)


def _whole(field: str, text: str) -> int:
    if (found := reading.whole(text.strip())) is None:
        raise Invalid(field, _("“%(text)s” is not a whole number.") % {"text": text[:20]})
    return found
