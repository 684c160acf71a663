"""What stands before a member until they have read it, as pages, API and mail show it: of which event, what was lost, what
stands instead, and what they can do. Masked as everything else: what is private to somebody else says no more than “Busy”."""

from typing import Any

import msgspec
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from conversa_calendar.calendars import access, acts, notices, outbox, wording
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.models import Event, History, Notice, OutgoingMail
from conversa_calendar.calendars.outbox import Letter
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import Content

SHOWN_MAX = 50
TEXT_MAX = 300


class Shown(msgspec.Struct, frozen=True):
    """A notice for one reader. `lost` and `instead` are {unit: value} as an event's history keeps them; `can` says what
    is offered: use (the lost values), restore (the event), or nothing."""

    uuid: str
    at: Any
    is_read: bool
    event: Event
    entry: History
    calendar: str
    summary: str
    says: str
    lost: dict[str, Any] = {}
    instead: dict[str, Any] = {}
    can: str = ""

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """Each lost unit with its value and what stands instead, in words; "" where nothing does."""
        content, instead = self.event.content, self.instead
        return [
            (name, in_words(content, name, value), in_words(content, name, instead[name]) if name in instead else "")
            for name, value in self.lost.items()
        ]


def unread(viewer: Viewer) -> list[Shown]:
    """What a viewer has not read yet, latest first."""
    return listed(viewer, is_unread_only=True)


def listed(viewer: Viewer, *, is_unread_only: bool = False) -> list[Shown]:
    """A viewer's notices, latest first; of calendars that they see no more, none."""
    rows = Notice.objects.filter(member=viewer.member)
    rows = rows.filter(read_at=None) if is_unread_only else rows
    found = list(
        rows.select_related("entry__event__calendar__owner", "entry__event__series").order_by("-pk")[:SHOWN_MAX]
    )
    levels = access.levels(viewer, with_removed=True) if found else {}
    return [_shown(one, viewer, levels[place]) for one in found if (place := one.entry.event.calendar_id) in levels]


def in_words(content: Content, name: str, value: Any) -> str:
    """A value of an event's history as people read it."""
    if name == "when":
        return wording.when_in_words(domain.from_readable(content, name, value))
    if name == "attendees":
        return ", ".join(guest["email"] for guest in value) or _("nobody")
    return str(value)[:TEXT_MAX] if value not in ("", None) else _("nothing")


def _shown(notice: Notice, viewer: Viewer, level: str) -> Shown:
    entry, event = notice.entry, notice.entry.event
    uuid, calendar, is_read = str(notice.uuid), event.calendar.name, notice.read_at is not None
    says = _says(entry)
    if access.is_entry_masked(entry, event, event.calendar, viewer, level):
        return Shown(uuid, notice.at, is_read, event, entry, calendar, _("Busy"), says)
    title = event.summary or _("(No title)")
    is_gone = event.deleted_at is not None
    instead = {} if is_gone else {name: _instead(entry, event, name) for name in entry.lost}
    can = _can(entry, viewer, level)
    return Shown(uuid, notice.at, is_read, event, entry, calendar, title, says, entry.lost, instead, can)


def _instead(entry: History, event: Event, name: str) -> Any:
    """What stands in place of a lost value: what the entry says, else what is there now."""
    return entry.changes[name]["after"] if name in entry.changes else domain.readable(event.content, name)


def _can(entry: History, viewer: Viewer, level: str) -> str:
    event = entry.event
    if acts.may_use_instead(viewer, entry, event, event.calendar, level):
        return "use"
    is_back = event.deleted_at is not None and event.deleted_by == "remote"
    may = acts.authorise(Act.RESTORE, viewer, event, event.calendar, level) is None
    return "restore" if is_back and event.kind != "override" and may else ""


def _says(entry: History) -> str:
    """What happened, in a sentence."""
    return {
        "deleted": _("It was deleted at Google before your change was sent. It rests in the trash with your change."),
        "occurrence cancelled": _("This day of the series was cancelled at Google before your change was sent."),
        "no longer fits": _("The series has other times at Google now; your change of one of its days fits none."),
        "not at Google": _(
            "This booking has not reached Google: its calendar is not there, or takes no changes. It stands here, and is "
            "sent as soon as the calendar takes it. Its visitor was told the time, and counts on it."
        ),
        "shortened": _("Google shortened what you wrote."),
        "not sent": _("Its calendar was left before your change was sent to Google. It is kept here."),
        "restored": _("It came back at Google as it stands there, without your change."),
    }.get(entry.cause, _("It was changed at Google, too, and what stands there counts. Your change is kept."))


@outbox.builds(notices.TOPIC)
def write(mail: OutgoingMail) -> Letter | None:
    """The mail of a notice; none once it was read, or where its reader sees the calendar no more."""
    assert mail.about is not None
    notice = Notice.objects.filter(uuid=mail.about, read_at=None).select_related("member__user").first()
    if notice is None:
        return None
    viewer = Viewer(notice.member)
    with translation.override(notice.member.language or settings.LANGUAGE_CODE):
        shown = next((one for one in unread(viewer) if one.uuid == str(notice.uuid)), None)
        if shown is None:
            return None
        lines = [shown.summary, shown.says]
        lines += [_("Yours: %(value)s") % {"value": value} for _name, value, _now in shown.lines]
        if settings.PUBLIC_URL:
            lines.append(_("Look at it: %(url)s") % {"url": f"{settings.PUBLIC_URL}/calendar"})
        subject = _("Your change of “%(title)s” did not stand") % {"title": shown.summary}
        return Letter(subject, "\n\n".join(lines))
