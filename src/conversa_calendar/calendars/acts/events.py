"""Acts on events."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.accounts.acting import By, NotAllowed, Refusal, Who, does
from conversa_calendar.calendars import access, editing, preferences, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts.rules import Act, authorise
from conversa_calendar.calendars.editing import Edit, Split
from conversa_calendar.calendars.models import NOT_TAKEN, UNDONE, Calendar, Event, History
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain.event import PERSONAL_UNITS, Content

SCOPES = ("this", "following", "all")
ONE_COPYS = PERSONAL_UNITS | {"attendees"}
"""Fields that a guest may change of their own copy; the provider takes of the guests only the own answer."""


class ScopeNeeded(Invalid):
    """An act on a series does not say what it means: this, following or all."""

    def __init__(self) -> None:
        super().__init__("scope", _("For a series say scope=this, following or all."))


class Part(msgspec.Struct, frozen=True):
    """Which part of a series an act means; nothing for other events. `key` names the occurrence."""

    scope: str = ""
    key: str = ""

    def of(self, event: Event) -> str:
        """The scope of an act on this event. Raises ScopeNeeded, Invalid."""
        if event.kind != "series":
            return "all"
        if self.scope not in SCOPES:
            raise ScopeNeeded
        if self.scope != "all" and not self.key:
            raise Invalid("occurrence", _("Say which occurrence by its original start."))
        return self.scope


WHOLE = Part("all")


class Asked(msgspec.Struct, frozen=True):
    """What is asked of an event: an edit that touches `fields`, made once it is known where the event then lies; another
    calendar; references."""

    fields: frozenset[str] = frozenset()
    edit: Callable[[Event, Calendar], Edit] | None = None
    calendar: str = ""
    references: list[dict[str, Any]] | None = None
    is_quiet_move: bool = False
    """Whether nobody is told that it moved, only of what is edited besides."""


class Guest(msgspec.Struct, frozen=True):
    """Somebody who was invited, by the link in their mail: it is for one event and one address."""

    event: Event
    email: str

    @property
    def who(self) -> Who:
        return Who(By.GUEST, self.email)


class _Found(msgspec.Struct, frozen=True):
    """A target as the viewer sees it."""

    viewer: Viewer
    event: Event
    calendar: Calendar
    level: str

    def needs(self, act: Act) -> None:
        if (refused := authorise(act, self.viewer, self.event, self.calendar, self.level)) is not None:
            raise NotAllowed(refused)

    def needs_for(self, fields: Iterable[str]) -> None:
        """Changing these fields: what belongs to one copy only needs less."""
        is_own = set(fields) <= ONE_COPYS and not authorise(
            Act.ADJUST, self.viewer, self.event, self.calendar, self.level
        )
        if not is_own:
            self.needs(Act.CHANGE)

    def needs_all_of(self, part: Part, deleted_with: Event | None = None) -> None:
        """An act on a series touches its single occurrences too: none of them may be private to somebody else."""
        rows = Event.objects.filter(series=self.event, is_private=True)
        rows = rows.filter(deleted_at=deleted_with.deleted_at if deleted_with else None)
        if part.scope == "this" or not self.event.is_series:
            return
        for one in rows:
            is_meant = part.scope != "following" or editing.is_from(one.original_key, part.key)
            if is_meant and access.is_masked(one, self.calendar, self.viewer, self.level):
                says = _("An occurrence of this series is private to somebody else; change others one by one.")
                raise NotAllowed(Refusal("read_only", says))


@does(Act.CREATE)
def create(
    viewer: Viewer,
    calendar: UUID | str,
    make: Callable[[Calendar], Content],
    *,
    notify: str = "none",
    references: list[dict[str, Any]] | None = None,
) -> Event:
    """A new event of the viewer's; the calendar is offered first next time. Raises NotFound, NotAllowed, Invalid."""
    found, level = selectors.calendar(viewer, calendar)
    _needs_create(viewer, found, level)
    event = editing.create(found, make(found), actor=viewer.member, notify=notify, references=references)
    preferences.remember_calendar(viewer.member, found)
    return event


@does(Act.CREATE)
def bring_in(viewer: Viewer, calendar: UUID | str, content: Content) -> Event:
    """A new event out of a file: nobody is told of it. Raises NotFound, NotAllowed, Invalid."""
    found, level = selectors.calendar(viewer, calendar)
    _needs_create(viewer, found, level)
    return editing.create(found, content, actor=viewer.member, cause="imported")


@does(Act.REMOVE)
def take_back(viewer: Viewer, uuid: UUID | str) -> None:
    """Puts an event that was brought in into the trash, after somebody was shown how many these are. Nobody is told.
    Raises NotFound, NotAllowed, Invalid."""
    found = _held(viewer, uuid)
    found.needs(Act.REMOVE)
    found.needs_all_of(WHOLE)
    editing.delete(found.event, actor=viewer.member, by=UNDONE)


@does(Act.CHANGE, Act.ADJUST, Act.MOVE, Act.REFER)
def change(
    viewer: Viewer, uuid: UUID | str, asked: Asked, *, part: Part = WHOLE, notify: str = "none", if_match: str = ""
) -> Event | Split:
    """Changes an event, an occurrence, this and following (a Split), or all; moves it; sets what it is about. All of it
    or nothing. Raises NotFound, NotAllowed, Changed, Invalid."""
    found = _held(viewer, uuid)
    found.needs(Act.SEE)
    target = _checked(found, asked, part)
    event, actor = found.event, viewer.member
    if asked.references is not None:
        event, if_match = editing.refer(event, asked.references, actor=actor, if_match=if_match), ""
    if target is not None:
        telling = "none" if asked.is_quiet_move else notify
        event, if_match = editing.move(event, target, actor=actor, notify=telling, if_match=if_match), ""
    if asked.edit is None:
        return event
    edit = asked.edit(event, target or found.calendar)
    options: dict[str, Any] = {"actor": actor, "notify": notify, "if_match": if_match}
    match part.of(event):
        case "all":
            return editing.edit(event, edit, **options)
        case "this":
            return editing.edit_occurrence(_with_open_occurrence(found, event, part), part.key, edit, **options)
        case _:
            done = editing.edit_following(event, part.key, edit, **options)
            return done if isinstance(done, Split) else Split(done, done)


@does(Act.REMOVE)
def remove(
    viewer: Viewer, uuid: UUID | str, *, part: Part = WHOLE, notify: str = "none", if_match: str = ""
) -> Event | None:
    """Deletes an event, an occurrence, this and following, or all; answers what can be restored from the trash. Of an
    invitation, this declines it. Raises NotFound, NotAllowed, Changed, Invalid."""
    found = _held(viewer, uuid)
    found.needs(Act.REMOVE)
    event = found.event
    options: dict[str, Any] = {"actor": viewer.member, "notify": notify, "if_match": if_match}
    scope = part.of(event)
    found.needs_all_of(part)
    if scope == "all":
        editing.delete(event, **options)
        return None if event.kind == "override" else event
    if scope == "this":
        editing.delete_occurrence(_with_open_occurrence(found, event, part), part.key, **options)
    else:
        editing.delete_following(event, part.key, **options)
    return None


@does(Act.RESTORE)
def restore(viewer: Viewer, uuid: UUID | str, *, if_match: str = "") -> Event:
    """Brings an event back from the trash, with what was deleted with it. Raises NotFound, NotAllowed, Changed, Invalid."""
    found = _held(viewer, uuid, is_deleted=True)
    found.needs(Act.RESTORE)
    found.needs_all_of(WHOLE, deleted_with=found.event)
    return editing.restore(found.event, actor=viewer.member, if_match=if_match)


@does(Act.RESPOND)
def respond(viewer: Viewer, uuid: UUID | str, response: str, *, comment: str = "", if_match: str = "") -> Event:
    """The calendar's own answer to an invitation. Raises NotFound, NotAllowed, Changed, Invalid."""
    found = _held(viewer, uuid)
    found.needs(Act.RESPOND)
    found.needs_all_of(WHOLE)
    own = next(guest for guest in found.event.content.attendees if guest.self)
    options: dict[str, Any] = {"actor": viewer.member, "comment": comment, "if_match": if_match}
    return editing.respond(found.event, own.email, response, **options)


@does(Act.ADJUST)
@does(Act.ADJUST)
def retry(viewer: Viewer, uuid: UUID | str, *, notify: str = "none", if_match: str = "") -> Event:
    """Has an edit tried again that the provider did not take. Raises NotFound, NotAllowed, Changed, Invalid."""
    found = _held(viewer, uuid)
    found.needs(Act.ADJUST)
    found.needs_all_of(WHOLE)
    return editing.retry(found.event, actor=viewer.member, notify=notify, if_match=if_match)


def may_retry(viewer: Viewer, event: Event, calendar: Calendar, level: str) -> bool:
    """Whether an event offers to be tried again."""
    return event.told[0] in NOT_TAKEN and authorise(Act.ADJUST, viewer, event, calendar, level) is None


@does(Act.ANSWER)
def answer(guest: Guest, response: str) -> Event:
    """A guest's answer by their link, which `invitations` has read. Raises Invalid."""
    return editing.respond(guest.event, guest.email, response, actor=None)


@does(Act.ANSWER)
def answer_by_mail(guest: Guest, response: str, *, key: str = "", comment: str = "") -> Event:
    """A guest's answer by mail, which `formats.answers` has found to be theirs, perhaps for one occurrence of a series.
    Nobody is mailed. Raises Invalid."""
    if key and guest.event.is_series:
        return editing.respond_once(guest.event, key, guest.email, response, comment=comment)
    return editing.respond(guest.event, guest.email, response, actor=None, comment=comment)


@does(Act.USE_INSTEAD)
def use_instead(viewer: Viewer, uuid: UUID | str, entry_id: int, *, if_match: str = "") -> Event:
    """Puts back values that lost a conflict. Raises NotFound, NotAllowed, Changed, Invalid."""
    found = _held(viewer, uuid)
    found.needs(Act.USE_INSTEAD)
    entry = History.objects.filter(pk=entry_id, event=found.event).first()
    if entry is None or access.is_entry_masked(entry, found.event, found.calendar, viewer, found.level):
        raise Invalid("entry", _("There is nothing to put back in this entry."))
    found.needs_for(entry.lost)
    found.needs_all_of(WHOLE)
    return editing.use_instead(found.event, entry_id, actor=viewer.member, if_match=if_match)


def may_use_instead(viewer: Viewer, entry: History, event: Event, calendar: Calendar, level: str) -> bool:
    """Whether this entry of an event's history offers what can be put back."""
    if not entry.lost or entry.event_id != event.pk or event.deleted_at is not None:
        return False
    try:
        found = _Found(viewer, event, calendar, level)
        found.needs(Act.USE_INSTEAD)
        found.needs_for(entry.lost)
    except NotAllowed:
        return False
    return True


def readable(viewer: Viewer, uuid: UUID | str, act: Act) -> tuple[Event, Calendar, str]:
    """An event on which a viewer may begin an act, as for its form. Raises NotFound, NotAllowed."""
    found = _found(viewer, uuid)
    found.needs(act)
    return found.event, found.calendar, found.level


def writable_calendars(viewer: Viewer) -> list[Calendar]:
    """The calendars that a viewer may put events into."""
    pairs = selectors.visible(viewer)
    return [found for found, level in pairs if authorise(Act.CREATE, viewer, None, found, level) is None]


def _found(viewer: Viewer, uuid: UUID | str, *, is_deleted: bool = False) -> _Found:
    return _Found(viewer, *selectors.event(viewer, uuid, is_deleted=is_deleted))


def _held(viewer: Viewer, uuid: UUID | str, *, is_deleted: bool = False) -> _Found:
    """The same, locked: rights are asked of what stands while nobody else can change it."""
    seen = _found(viewer, uuid, is_deleted=is_deleted)
    Event.objects.select_for_update(of=("self",)).filter(pk=seen.event.pk).first()
    return _found(viewer, uuid, is_deleted=is_deleted)


def _checked(found: _Found, asked: Asked, part: Part) -> Calendar | None:
    """Asks for everything before anything is written; answers the calendar that the event moves to."""
    target = None
    if asked.references is not None:
        found.needs(Act.REFER)
    if asked.calendar and asked.calendar != str(found.calendar.uuid):
        found.needs(Act.MOVE)
        found.needs_all_of(WHOLE)
        target, level = selectors.calendar(found.viewer, asked.calendar)
        _needs_create(found.viewer, target, level)
    if asked.edit is not None:
        found.needs_for(asked.fields)
        part.of(found.event)
        found.needs_all_of(part)
    return target


def _needs_create(viewer: Viewer, calendar: Calendar, level: str) -> None:
    if (refused := authorise(Act.CREATE, viewer, None, calendar, level)) is not None:
        raise NotAllowed(refused)


def _with_open_occurrence(found: _Found, series: Event, part: Part) -> Event:
    """The series, unless what stands for this occurrence is private to somebody else. Raises NotAllowed."""
    one = Event.objects.filter(series=series, original_key=part.key, deleted_at=None, is_private=True).first()
    if one is not None:
        _Found(found.viewer, one, found.calendar, found.level).needs(Act.SEE)
    return series
