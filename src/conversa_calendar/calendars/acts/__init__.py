"""The one door for acts on events and calendars: pages, the API, booking pages and imports change them only here.

An act looks its target up as the viewer sees it (what they may not know of is NotFound), asks `authorise`, which has one
table of what each act needs, holds the caller's precondition against what stands now, and only then edits. Nothing
is written when it is refused. Errors:

    NotFound               there is no such thing, or the viewer may not know of it
    NotAllowed             the viewer may not do that; its refusal says why
    Invalid                what is asked cannot be; its field and message say why
    └ ScopeNeeded          an act on a series has to say whether it means this, following or all
    Changed                it changed since the caller read it (If-Match)
"""

from conversa_calendar.accounts.acting import NotAllowed, Refusal
from conversa_calendar.calendars.acts.calendars import (
    add_calendar,
    assign_calendar,
    change_calendar,
    checked_calendar,
    delete_calendar,
)
from conversa_calendar.calendars.acts.events import (
    Asked,
    Guest,
    Part,
    ScopeNeeded,
    answer,
    answer_by_mail,
    bring_in,
    change,
    create,
    may_retry,
    may_use_instead,
    readable,
    remove,
    respond,
    restore,
    retry,
    take_back,
    use_instead,
    writable_calendars,
)
from conversa_calendar.calendars.acts.rules import Act, Standing, authorise, refusal
from conversa_calendar.calendars.editing import Changed, Edit, Split

__all__ = [
    "Act",
    "Asked",
    "Changed",
    "Edit",
    "Guest",
    "NotAllowed",
    "Part",
    "Refusal",
    "ScopeNeeded",
    "Split",
    "Standing",
    "add_calendar",
    "answer",
    "answer_by_mail",
    "assign_calendar",
    "authorise",
    "bring_in",
    "change",
    "change_calendar",
    "checked_calendar",
    "create",
    "delete_calendar",
    "may_retry",
    "may_use_instead",
    "readable",
    "refusal",
    "remove",
    "respond",
    "restore",
    "retry",
    "take_back",
    "use_instead",
    "writable_calendars",
]
